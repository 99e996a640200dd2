"""The files that logins for registries are written down in, in the order in which they count: Podman's, then Docker's.

Skopeo and Buildah use Podman's. https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md says the order; a file that
the environment names is read alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy.errors import ToolError

_LEGACY = ".dockercfg"  # a table of logins and nothing else


@dataclass(frozen=True, slots=True)
class LoginFile:
    """A file of logins, and what it says."""

    path: Path
    content: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """Return one of its tables; an empty one when it has none."""
        found = self.content.get(name)
        return found if isinstance(found, dict) else {}


def login_files() -> Iterator[LoginFile]:
    """Yield the files that there are. Raises ToolError for one that cannot be read."""
    for path in _paths():
        content = _read(path)
        yield LoginFile(path, {"auths": content} if path.name == _LEGACY else content)


def _paths() -> list[Path]:
    if named := os.environ.get("REGISTRY_AUTH_FILE"):
        return [Path(named)]
    if folder := os.environ.get("DOCKER_CONFIG"):
        return [Path(folder, "config.json")]
    try:
        home = Path.home()
    except RuntimeError:  # nobody's home
        home = Path("/nonexistent")
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "containers", "auth.json")
    return [*_of_this_session(), settings, home / ".docker" / "config.json", home / _LEGACY]


def _of_this_session() -> list[Path]:
    if sys.platform != "linux":
        return []
    session = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(session, "containers") if session else Path(f"/run/containers/{os.getuid()}")
    # after `su` the environment may name the session of another user, whose folder is nobody else's
    return [folder / "auth.json"] if os.access(folder, os.X_OK) else []


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8") or "{}")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ToolError(
            f"cannot read the logins for registries: {said}", "mend the file, or remove it", str(path)
        ) from None
    return found if isinstance(found, dict) else {}

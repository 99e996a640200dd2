"""User and password for a registry: ECR's from AWS, others from Docker's configuration and its credential helpers.

https://docs.docker.com/reference/cli/docker/login/#credential-stores, https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slsdeploy.effects.registry.http import one_line
from slsdeploy.errors import ToolError
from slsdeploy.tools import Shell

ECR = re.compile(
    r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)"
)
PUBLIC_ECR = "public.ecr.aws"
_DOCKER_HUB = "registry-1.docker.io"
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # of a helper that has an identity token  # noqa: S105
_NOT_FOUND = "credentials not found"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or an identity token; none of it is ever shown."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The header's value for Basic authentication."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Credentials:
    """Finds the login for a host."""

    def __init__(self, shell: Shell, ecr: Callable[[str], tuple[str, str]] | None = None) -> None:
        self._shell = shell
        self._ecr = ecr

    def find(self, host: str, pushes: bool) -> Login | None:
        """Return the login for a host (with its port), None to ask as nobody.

        Public ECR gives to everybody, while a login of yesterday is refused there: it is used only to push.
        """
        if self._ecr and ECR.fullmatch(host):
            return Login(*self._ecr(host))
        if host == PUBLIC_ECR and not pushes:
            return None
        config = _configuration()
        key = _DOCKER_HUB_KEY if host == _DOCKER_HUB else host
        helper = _table(config, "credHelpers").get(key) or config.get("credsStore")
        found = self._ask(str(helper), key) if helper else None
        return found or _stored(_table(config, "auths"), host)

    def _ask(self, helper: str, key: str) -> Login | None:
        program = f"docker-credential-{helper}"
        if not _NAME.fullmatch(helper):
            raise ToolError(f'"{helper}" is no credential helper', "mend Docker's configuration", str(_path()))
        done = self._shell.run([program, "get"], given=key)
        if done.code:
            if _NOT_FOUND in done.stdout + done.stderr:
                return None
            said = one_line(done.stdout if not done.stdout.lstrip().startswith("{") else done.stderr)
            raise ToolError(f"{program} failed for {key}: {said}", f"mend it, or `docker login {key}`", program)
        try:
            said_json: Any = json.loads(done.stdout)
            user, secret = str(said_json["Username"]), str(said_json["Secret"])
        except (ValueError, LookupError, TypeError):
            raise ToolError(f"{program} did not answer with credentials for {key}", where=program) from None
        return Login(identity_token=secret) if user == _TOKEN_USER else Login(user, secret)


def _path() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    if not folder:
        try:
            folder = str(Path.home() / ".docker")
        except RuntimeError:  # nobody's home
            folder = "/nonexistent"
    return Path(folder) / "config.json"


def _configuration() -> Mapping[str, Any]:
    path = _path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ToolError(f"cannot read Docker's configuration: {said}", "mend it, or remove it", str(path)) from None
    return found if isinstance(found, dict) else {}


def _table(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _stored(auths: Mapping[str, Any], host: str) -> Login | None:
    names = {host, "index.docker.io", "docker.io"} if host == _DOCKER_HUB else {host}
    for key, entry in auths.items():
        bare = key.partition("://")[2] or key
        if bare.partition("/")[0] in names and isinstance(entry, dict) and (login := _entry(entry, key)):
            return login
    return None


def _entry(entry: Mapping[str, Any], key: str) -> Login | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ToolError(
                f"Docker's configuration has no user and password for {key}", f"`docker login {key}`", str(_path())
            ) from None
    if entry.get("identitytoken"):
        return Login(user, identity_token=str(entry["identitytoken"]))
    return Login(user, password.rstrip("\0")) if user else None

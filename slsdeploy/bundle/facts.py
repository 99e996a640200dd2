"""Small facts about a part -> JSON beside it: found once, when the part is made, and never again on a build that changes nothing.

`parts` keeps them beside the part in the user's cache; `place` links them into the bundle, whose readers (the preflight, the SBOM) have
only that. Whoever adds a fact puts it under a word of its own, and raises `layout.RECIPE`: parts that lack it are made anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slsdeploy.types import Bundle, PartName

FILE = "facts.json"
FOLDER = "facts"

Facts = Mapping[str, Any]


def write(folder: Path, found: Facts) -> None:
    """Put the facts beside a part."""
    path = folder / FILE
    path.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
    path.chmod(0o444)  # a bundle's is the same file, by a hard link


def read(path: Path) -> Facts:
    """Return what a file says; nothing when there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def place(folder: Path, part: PartName) -> Path:
    """Return where a bundle's folder has the facts about one of its parts."""
    return folder / FOLDER / f"{part}.json"


def of(bundle: Bundle, part: PartName) -> Facts:
    """Return the facts about a part of a bundle; nothing when none were found."""
    return read(place(bundle.path, part))

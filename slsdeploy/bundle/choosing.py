"""What `package = "auto"` is decided by: how large the parts are as layers, which are made first, and remembered for the next build.

Decision (2026-11): sizes are remembered, not the choice: it is made anew each time, of a few numbers, and can be explained each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slsdeploy import assets
from slsdeploy.targets import ZIP_LIMIT, Facts
from slsdeploy.types import Preparation, Project

_FILE = "auto.json"


def recall(work: Path, key: str) -> int | None:
    """Return how many bytes the parts have, unzipped, that are made from what the key is the digest of; None when that is not known."""
    try:
        said = json.loads((work / _FILE).read_text(encoding="utf-8"))
        return int(said["bytes"]) if said["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(work: Path, key: str, size: int) -> None:
    """Keep the size of the parts of that key."""
    assets.write_atomically(work / _FILE, json.dumps({"key": key, "bytes": size}).encode())


def least(project: Project, preparations: Sequence[Preparation]) -> int | None:
    """Return the bytes of the models that ship, if they alone are more than a zip may be: no need to make the parts to know."""
    shipped = zip(project.models, preparations, strict=True)
    size = sum(preparation.bytes for model, preparation in shipped if model.origin is None)
    return size if size >= ZIP_LIMIT else None


def facts(project: Project, size: int) -> Facts:
    """Return what is decided by, of a project whose parts have so many bytes."""
    return Facts(
        own=size,
        attached=sum(layer.bytes or 0 for layer in project.layers),
        unknown=sum(layer.bytes is None for layer in project.layers),
        layers_attached=len(project.layers),
        layers_own=2 + any(model.origin is None for model in project.models),
        snap_start=project.config.snap_start,
    )


def chosen(project: Project, package: str) -> Project:
    """Return the project as one of that package."""
    return replace(project, config=project.config.model_copy(update={"package": package}))

"""What a project's models taught about slimming its packages, kept in this user's cache: which cuts are not for it, and who looked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from slsdeploy import assets
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle.packages import Packages
from slsdeploy.space import CutMade
from slsdeploy.types import ModelInfo, Project

_RECIPE = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """The cuts that break something of the project's; who looked, in one line; the digest of what it was tried with ("": nothing)."""

    undone: tuple[CutMade, ...] = ()
    by: str = ""
    made_for: str = ""


def apply(packages: Packages, project: Project, models: Sequence[ModelInfo]) -> Packages:
    """Return the packages without the cuts that are known to break something."""
    undone = read(key(packages, project, models)).undone if packages.wish.mode == "auto" else ()
    return replace(packages, wish=_without(packages, frozenset(f"{cut.name}/{cut.package}" for cut in undone)).wish)


def key(packages: Packages, project: Project, models: Iterable[ModelInfo]) -> str:
    """Return what it is kept under: the packages as they would be if nothing were known, and the models."""
    made_from = installed.key(_without(packages, frozenset()), project)
    return digest([str(_RECIPE), made_from, *(info.digest for info in models)])


def read(key: str) -> Tried:
    """Return what is kept; nothing when there is nothing."""
    try:
        said = json.loads(_place(key).read_text(encoding="utf-8"))
        return Tried(tuple(CutMade(**cut) for cut in said["undone"]), said["by"], said["made_for"])
    except (OSError, ValueError, KeyError, TypeError):
        return Tried()


def write(key: str, tried: Tried) -> None:
    """Keep it."""
    assets.write_atomically(_place(key), json.dumps(asdict(tried)).encode())


def digest(said: Iterable[str]) -> str:
    """Return the sha256 (hex) of some lines."""
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _without(packages: Packages, cuts: frozenset[str]) -> Packages:
    return replace(packages, wish=replace(packages.wish, without=cuts))


def _place(key: str) -> Path:
    return assets.cache_dir() / "slimmed" / f"{key[:40]}.json"

"""The frozen values that say what takes the room of a bundle, and what was left out of it; nothing here does anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SlimMode = Literal["auto", "off"]


@dataclass(frozen=True, slots=True)
class Space:
    """What one package (or model, or the project's own code) takes in a part, in bytes unzipped, and what was left out of it."""

    name: str
    part: str
    bytes: int
    files: int
    cut_bytes: int = 0
    cut_files: int = 0


@dataclass(frozen=True, slots=True)
class CutMade:
    """One cut: what it took out of one package, and why that can go. `undone` says what broke without ("" when nothing did)."""

    name: str
    package: str
    files: int
    bytes: int
    why: str
    undone: str = ""


@dataclass(frozen=True, slots=True)
class Slimmed:
    """The cuts that were tried on a bundle's packages, and how far what is left was tried out.

    `imports_by` and `outputs_by` say in one line what looked: at the imports of what is left, and at the models' outputs.
    """

    mode: SlimMode = "off"
    cuts: tuple[CutMade, ...] = ()
    imports_by: str = ""
    outputs_by: str = ""

    @property
    def bytes(self) -> int:
        return sum(cut.bytes for cut in self.cuts if not cut.undone)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a line for each cut that was undone."""
        undone = (cut for cut in self.cuts if cut.undone)
        return tuple(f"slim: kept {cut.name} of {cut.package} ({cut.bytes:,} bytes): {cut.undone}" for cut in undone)

"""A folder of installed packages -> the same without what a function does not need, tried out; and a record of what went, and why.

What cannot run anywhere else is removed, whatever the project says. The rest is taken out into a folder beside it, from where a cut that
breaks an import is put back. First the imports of what is left are read; then it is compiled, and, where this machine can run what it
is made for, all modules that imported before are imported, from the bytecode that ships: compiling takes longer than importing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slsdeploy.bundle import record, tree
from slsdeploy.bundle.slim import importing, imports_left, installed, listing, owners, removal, selecting
from slsdeploy.bundle.slim.cut import Piece, find_cuts
from slsdeploy.bundle.slim.importing import Importer
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.removal import Group, Shelf
from slsdeploy.bundle.slim.wish import Wish
from slsdeploy.project import can_run
from slsdeploy.space import CutMade, Slimmed
from slsdeploy.tools import Tools
from slsdeploy.types import Project

FILE = "slim.json"
ASIDE = "aside"
_SECONDS = 60.0  # what importing may take; what takes longer with everything in its place is not looked at


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept beside a part: the cuts and who looked, whose its files are (as `owners.of` says it), the pieces that are in ASIDE."""

    slimmed: Slimmed = field(default_factory=Slimmed)
    owners: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where packages are slimmed, and with what. `compile` adds bytecode to what is in the folder then, in the place of what there is."""

    packages: Path
    beside: Path
    project: Project
    tools: Tools
    compile: Callable[[], None]

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.packages, self.beside / ASIDE)


def slim(wish: Wish, shop: Workshop) -> frozenset[str]:
    """Slim and compile the packages in a folder; return the distributions of which nothing is left.

    What is taken out, and the record, are put into the folder `beside`.
    """
    shelf, project = shop.shelf, shop.project
    found = installed.read(shop.packages, project.target, wish.extras)
    pieces = selecting.select(found, wish)
    always = {cut.name for cut in find_cuts() if cut.always}
    shelf.take([piece for piece in pieces if piece.cut in always])
    tree.remove(shelf.aside)
    found = found.without(piece for piece in pieces if piece.cut in always)
    listing.write(found)
    pieces = tuple(piece for piece in pieces if piece.cut not in always)
    undone, by = try_out(found, pieces, shop)
    groups = removal.grouped(pieces)
    said = {
        "slimmed": asdict(Slimmed(wish.mode, tuple(_made(group, found, undone) for group in groups), by)),
        "owners": owners.of(found),
        "taken": {
            id: [asdict(piece) | {"files": sorted(piece.files)} for piece in group]
            for id, group in groups
            if id not in undone
        },
    }
    (shop.beside / FILE).write_text(json.dumps(said), encoding="utf-8")
    return frozenset(piece.package for piece in pieces if piece.is_distribution and piece.id not in undone)


def try_out(found: Installed, pieces: Sequence[Piece], shop: Workshop) -> tuple[Mapping[str, str], str]:
    """Take pieces out but those that are needed, and compile what is left.

    Return why those are needed, by their id, and who looked at what is left ("": nothing went).
    """
    undone = dict(imports_left.broken(found, pieces)) if pieces else {}
    groups = [group for group in removal.grouped(pieces) if group[0] not in undone]
    removal.take(groups, shop.shelf)
    shop.compile()
    if not groups:
        return undone, ""
    if not can_run(shop.project):
        return undone, f"imports were read, not run: {cannot_run(shop.project)}"
    assert shop.project.target.interpreter is not None
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        importer = Importer(shop.project.target.interpreter, shop.packages, Path(scratch), shop.tools)
        trial = Trial(importer, found)
        broken = removal.sift(groups, shop.shelf, trial.judge, trial.recheck)
    if broken:
        shop.compile()
    return {**undone, **broken}, trial.by


class Trial:
    """Importing what is left. What fails is imported with everything in its place, too: what fails there as well is no cut's fault."""

    def __init__(self, importer: Importer, found: Installed, limit: float = 0.0) -> None:
        self._importer = importer
        self._found = found
        self._limit = limit or _SECONDS
        self._modules = importing.modules_of(found)
        self._tried: frozenset[str] = frozenset()
        self._wrong: Mapping[str, str] = {}
        self._imported = 0
        self._python = ""

    @property
    def by(self) -> str:
        """Say in one line who looked."""
        count = f"{self._imported} module{'' if self._imported == 1 else 's'}"
        return f"Python {self._python} imported {count} of what is left"

    def judge(self) -> str:
        """Say what does not import ("" when all does); what was taken out itself is not missed."""
        wanted = [name for name in self._modules if self._is_left(name)]
        answer = self._importer.run(wanted, self._limit, budget=2 * self._limit)
        said = {name: answer.modules.get(name, "not tried") for name in wanted}
        self._tried = frozenset(wanted)
        self._wrong = {name: wrong for name, wrong in said.items() if wrong}
        self._imported = len(said) - len(self._wrong)
        self._python = answer.python or self._python
        return next((f"{name}: {wrong}" for name, wrong in self._wrong.items()), "")

    def recheck(self) -> bool:
        """Forget what does not import with everything in its place either; say whether anything wrong is left.

        What was taken out is imported here for the first time: it is looked at once a part of it is back.
        """
        wanted = [name for name in self._modules if name in self._wrong or name not in self._tried]
        again = self._importer.run(wanted, self._limit, budget=2 * self._limit).modules
        forgotten = {name for name in wanted if again.get(name) != ""}
        self._modules = [name for name in self._modules if name not in forgotten]
        return not forgotten.issuperset(self._wrong)

    def _is_left(self, name: str) -> bool:
        return (self._importer.packages / self._found.modules[name]).exists()


def read(beside: Path) -> Record:
    """Return the record of a part; an empty one when there is none."""
    try:
        said: dict[str, Any] = json.loads((beside / FILE).read_text(encoding="utf-8"))
        taken = tuple((id, tuple(_piece(each) for each in group)) for id, group in said["taken"].items())
        return Record(record.slimmed(said["slimmed"]), said["owners"], taken)
    except (OSError, ValueError, KeyError, TypeError):
        return Record()


def _piece(said: Mapping[str, Any]) -> Piece:
    return Piece(**{**said, "files": frozenset(said["files"]), "modules": tuple(said["modules"])})


def _made(group: Group, found: Installed, undone: Mapping[str, str]) -> CutMade:
    id, pieces = group
    why = next(cut.why for cut in find_cuts() if cut.name == pieces[0].cut)
    files = [path for piece in pieces for path in piece.files]
    size = sum(found.files[path] for path in files)
    return CutMade(pieces[0].cut, pieces[0].package, len(files), size, why, undone.get(id, ""))


def cannot_run(project: Project) -> str:
    """Say in one line why what is made for the project's target does not run here."""
    target = project.target
    if target.interpreter is None:
        return f"there is no Python {target.python} on this machine"
    return f"this machine cannot run what is made for {target.platform}"

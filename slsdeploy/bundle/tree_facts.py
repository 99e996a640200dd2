"""A part's tree -> facts about its files that the preflight asks for: shared objects, and bytecode that holds a clock's time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from slsdeploy.bundle import facts, shared_objects, tree
from slsdeploy.bundle.facts import Facts
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.types import Bundle

OBJECTS = "shared_objects"
TIMED = "timed_bytecode"
_BYTECODE = ".pyc"


def find(folder: Path) -> Facts:
    """Return what is found in a tree; a word of which there is nothing to say is not there."""
    files = [file.path for file in tree.walk(folder)]
    found = {OBJECTS: [asdict(each) for each in shared_objects.look(folder, files)], TIMED: list(_timed(folder, files))}
    return {word: said for word, said in found.items() if said}


def objects(bundle: Bundle) -> tuple[SharedObject, ...]:
    """Return the shared objects of a bundle, by their paths in it."""
    said = [each for part in bundle.parts for each in facts.of(bundle, part.name).get(OBJECTS, ())]
    return shared_objects.of_facts(said)


def timed_bytecode(bundle: Bundle) -> list[str]:
    """Return the bundle's bytecode that says when its source was written."""
    return [str(path) for part in bundle.parts for path in facts.of(bundle, part.name).get(TIMED, ())]


def _timed(folder: Path, files: Sequence[str]) -> Iterator[str]:
    """Yield bytecode that Python compares with its source's time: https://peps.python.org/pep-0552/ ."""
    for path in files:
        if path.endswith(_BYTECODE):
            with (folder / path).open("rb") as stream:
                flags = stream.read(8)[4:]
            if flags == bytes(4):
                yield path

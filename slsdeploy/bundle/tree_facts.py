"""A part's tree -> facts about its files that the preflight asks for: its shared objects."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from slsdeploy.bundle import facts, shared_objects, tree
from slsdeploy.bundle.facts import Facts
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.types import Bundle

OBJECTS = "shared_objects"


def find(folder: Path) -> Facts:
    """Return what is found in a tree; a word of which there is nothing to say is not there."""
    found = shared_objects.look(folder, (file.path for file in tree.walk(folder)))
    said = [asdict(each) for each in found]
    return {OBJECTS: said} if said else {}


def objects(bundle: Bundle) -> tuple[SharedObject, ...]:
    """Return the shared objects of a bundle, by their paths in it."""
    said = [each for part in bundle.parts for each in facts.of(bundle, part.name).get(OBJECTS, ())]
    return shared_objects.of_facts(said)

"""Parts -> their packing, begun by threads while something else is waited for: the models that are tried, mostly.

Nothing of a zip is written before it is asked for. What is small is packed when its turn comes, and so is a model, which is not compressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from slsdeploy import targets
from slsdeploy.bundle import archive, engine, layer, parts, tree
from slsdeploy.bundle.archive import Entry
from slsdeploy.bundle.layer import Layer
from slsdeploy.bundle.parts import Kept
from slsdeploy.targets import PackagingTarget
from slsdeploy.types import PartName, Project

if TYPE_CHECKING:
    from concurrent.futures import Future

_ENOUGH = 1 << 20  # bytes of a part that are worth a thread


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun of some parts: the entries of their zips, in order, or their layers."""

    entries: Mapping[PartName, Iterator[Entry]] = field(default_factory=dict)
    layers: Mapping[PartName, Future[Layer]] = field(default_factory=dict)


@contextmanager
def begin(project: Project, kept: Sequence[Kept], packaging: PackagingTarget) -> Iterator[Begun]:
    """Begin to pack what is not packed yet; when the block ends nothing of it goes on."""
    is_image = packaging.NAME == targets.IMAGE
    is_done = layer.is_made if is_image else parts.has_zip
    waiting = [part for part in kept if part.bytes > _ENOUGH and part.name != "model" and not is_done(part)]
    if not waiting or (is_image and engine.is_wanted(project)):
        yield Begun()
        return
    from slsdeploy.bundle.workers import workers  # not needed when nothing changed

    with workers() as threads:
        if is_image:
            make = partial(layer.layer_of, during=threads.during)
            yield Begun(layers={part.name: threads.begin_one(make, part) for part in waiting})
        else:
            pack = {part.name: partial(archive.entry, part.tree, True) for part in waiting}
            yield Begun({part.name: threads.begin(pack[part.name], tree.walk(part.tree)) for part in waiting})

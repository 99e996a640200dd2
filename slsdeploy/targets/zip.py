"""`package = "zip"`: everything in one archive, the function's zip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slsdeploy.targets import ZIP_LIMIT, zipped

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Store
    from slsdeploy.layers import SharedLayer
    from slsdeploy.types import Bundle, PartName

NAME = "zip"
LIMIT = ZIP_LIMIT
# /var/task is the first entry of the module path, so packages lie in it directly.
PLACES: Mapping[PartName, PurePosixPath] = {
    "dependencies": PurePosixPath("task"),
    "runtime": PurePosixPath("task"),
    "model": PurePosixPath("task/models"),
    "code": PurePosixPath("task"),
}
ARCHIVES: Mapping[str, tuple[PartName, ...]] = {"function": ("dependencies", "runtime", "model", "code")}


def artifact(bundle: Bundle, store: Store) -> Artifact:
    """Say where the archive will live."""
    from slsdeploy.artifacts import Artifact, Object

    (archive,) = bundle.archives
    item = Object(store.bucket, f"{store.prefix}/{archive.name}-{archive.digest}.zip", archive.path, archive.bytes)
    return Artifact(
        objects=(item,),
        properties=zipped(bundle, item),
        digest=bundle.digest,
        package=NAME,
    )


def layers(bundle: Bundle) -> tuple[SharedLayer, ...]:
    """Return none: there are no layers of ours."""
    return ()

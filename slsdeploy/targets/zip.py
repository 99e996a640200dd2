"""`package = "zip"`: everything in one archive, the function's zip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from slsdeploy.layers import SharedLayer
from slsdeploy.targets import ZIP_LIMIT, zipped
from slsdeploy.types import Artifact, Bundle, Object, PartName, Store

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

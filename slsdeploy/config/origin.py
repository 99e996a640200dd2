"""`model = "s3://BUCKET/KEY"` or `"efs:/mnt/NAME/FILE"` -> where a model lives that does not ship in the bundle."""

from __future__ import annotations

import re

from slsdeploy.types import EfsOrigin, Origin, S3Origin

SCHEMES = ("s3", "efs")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_S3 = re.compile(r"^s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^/].{0,1023})$")
_EFS = re.compile(r"^efs:(?P<path>/mnt/[a-zA-Z0-9-_.]+/[^/].*)$")


def read(source: str) -> Origin | None:
    """Return where the model lives; None for a file of the project. Raises ValueError saying what is expected."""
    scheme, colon, _ = source.partition(":")
    if not colon or (scheme not in SCHEMES and "://" not in source):
        return None
    if (found := _S3.match(source)) and _is_file(found["key"].rpartition("/")[2]):
        return S3Origin(found["bucket"], found["key"])
    if (found := _EFS.match(source)) and ".." not in source.split("/"):
        return EfsOrigin(found["path"])
    raise ValueError("expected a file of the project, s3://BUCKET/KEY or efs:/mnt/NAME/FILE")


def _is_file(name: str) -> bool:
    """Say whether the last part of a key can be the name of a file in /tmp."""
    return name not in ("", ".", "..") and name.isprintable() and len(name.encode()) <= 255

"""A manifest that is pushed: read, and checked to name nothing that the repository lacks. An index may be pushed, as to ECR."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.wrappers import Request

from slsdeploy import oci
from slsdeploy.local.images.errors import Refusal
from slsdeploy.local.images.repositories import Repositories

LIMIT = 4 * 1024 * 1024  # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
_KNOWN = (*oci.MANIFESTS, *oci.INDEXES)


def document(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def read(request: Request) -> oci.Manifest:
    """Return the manifest that a request brings. Raises Refusal."""
    content = bytearray()
    while piece := request.stream.read(1 << 16):
        content += piece
        if len(content) > LIMIT:
            raise Refusal("SIZE_INVALID", f"a manifest has at most {LIMIT} bytes", 413)
    try:
        said = json.loads(content)
    except ValueError as error:
        raise Refusal("MANIFEST_INVALID", f"the manifest is no JSON: {error}") from error
    if not isinstance(said, dict) or said.get("schemaVersion") != 2:
        raise Refusal("MANIFEST_INVALID", "the manifest's schemaVersion is not 2")
    media_type = request.content_type or said.get("mediaType", "")
    if said.get("mediaType", media_type) != media_type:
        raise Refusal("MANIFEST_INVALID", f"sent as {media_type}, the manifest calls itself {said['mediaType']}")
    if media_type not in _KNOWN:
        raise Refusal("MANIFEST_INVALID", f"{media_type or 'nothing'} is no media type of a manifest")
    return oci.Manifest(media_type, bytes(content))


def subject(document: Mapping[str, Any]) -> str:
    """Return the digest of the manifest that one is about, "" when it is about none; that one need not be there."""
    said = document.get("subject")
    digest = said.get("digest") if isinstance(said, Mapping) else ""
    return digest if isinstance(digest, str) else ""


def referrers(among: Iterable[oci.Manifest], digest: str) -> list[dict[str, Any]]:
    """Return the descriptors of the manifests that are about that one, as an index has them."""
    found = []
    for manifest in among:
        document = manifest.document
        if subject(document) == digest:
            said = oci.Descriptor(manifest.media_type, manifest.digest, len(manifest.content)).document()
            kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType", "")
            more = {"annotations": document["annotations"]} if document.get("annotations") else {}
            found.append({**said, "artifactType": kind, **more})
    return found


def check(manifest: oci.Manifest, name: str, repositories: Repositories) -> None:
    """Raise Refusal when a manifest is none, or names what the repository has not."""
    try:
        if manifest.media_type in oci.INDEXES:
            for each in manifest.document["manifests"]:
                _check_image(str(each["digest"]), name, repositories)
            return
        for each in (manifest.document["config"], *manifest.document["layers"]):
            _check_blob(each, name, repositories)
    except (LookupError, TypeError, AttributeError) as error:
        raise Refusal("MANIFEST_INVALID", f"the manifest lacks what it must have: {error!r}") from error


def _check_image(digest: str, name: str, repositories: Repositories) -> None:
    try:
        repositories.image(name, digest)
    except Refusal as refusal:
        raise Refusal("MANIFEST_BLOB_UNKNOWN", f"{name} has no manifest {digest}, which the index names") from refusal


def _check_blob(said: Mapping[str, Any], name: str, repositories: Repositories) -> None:
    digest, size = str(said["digest"]), said["size"]
    if not repositories.has_blob(name, digest):
        raise Refusal("MANIFEST_BLOB_UNKNOWN", f"{name} has no blob {digest}, which the manifest names")
    if repositories.contents.size(digest) != size:
        raise Refusal("MANIFEST_INVALID", f"{digest} has {repositories.contents.size(digest)} bytes, not {size}")

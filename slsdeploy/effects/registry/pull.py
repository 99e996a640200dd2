"""Manifests and blobs of a registry, checked: what arrives is what was asked for, and something that we know."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from slsdeploy import oci
from slsdeploy.effects.registry.calls import Calls, Request, pull_scope
from slsdeploy.effects.registry.http import base
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.effects.registry.source import Source
from slsdeploy.errors import ToolError
from slsdeploy.tools import Task

ACCEPT = ", ".join([*oci.MANIFESTS, *oci.INDEXES])
_KNOWN = (*oci.MANIFESTS, *oci.INDEXES)
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
_LARGEST_MANIFEST = 4 * 1024 * 1024
_LARGEST_BLOB = 16 * 1024 * 1024
_BLOCK = 1024 * 1024
_AGAIN = "run the command again; when it stays so, the registry (or a proxy before it) is broken"


def manifest(calls: Calls, reference: oci.Reference) -> oci.Manifest:
    """Return the manifest or the index that a reference names."""
    url = f"{base(reference.host)}{reference.repository}/manifests/{reference.name}"
    request = Request("GET", reference.host, url, pull_scope(reference.repository), {"Accept": ACCEPT})

    def get() -> tuple[str, str, bytes]:
        answer = calls.send(request)
        if answer.status != 200:
            raise refusal(answer, reference, f"read {reference}", calls.auth)
        headers = answer.header("Content-Type"), answer.header("Docker-Content-Digest")
        return *headers, answer.read(_LARGEST_MANIFEST, calls.settings.small)

    content_type, said, content = calls.patiently(get)
    _check_digest(content, reference.digest or said, reference)
    return oci.Manifest(_media_type(content_type, content, reference), content)


def blob(calls: Calls, reference: oci.Reference, digest: str) -> bytes:
    """Return a small blob of a repository."""
    url = f"{base(reference.host)}{reference.repository}/blobs/{digest}"
    request = Request("GET", reference.host, url, pull_scope(reference.repository))

    def get() -> bytes:
        answer = calls.send(request)
        if answer.status != 200:
            raise refusal(answer, reference, f"read the blob {digest}", calls.auth)
        return answer.read(_LARGEST_BLOB, calls.settings.small)

    content = calls.patiently(get)
    _check_digest(content, digest, reference)
    return content


def blob_to(calls: Calls, blob: oci.Blob, path: Path, task: Task) -> None:
    """Write a blob to a path; asked for again where it was cut."""
    with path.open("wb") as stream, closing(Source(blob, 0, calls, threading.Event())) as source:
        rest = blob.descriptor.size
        while rest:
            piece = source.read(min(_BLOCK, rest))
            stream.write(piece)
            task.advance(len(piece))
            rest -= len(piece)


def _check_digest(content: bytes, digest: str, reference: oci.Reference) -> None:
    if digest.startswith("sha256:") and oci.digest_of(content) != digest:
        raise ToolError(f"what {reference.host} gave for {digest} does not match that digest", _AGAIN, str(reference))


def _media_type(content_type: str, content: bytes, reference: oci.Reference) -> str:
    """Return what a manifest is, by its own word first."""
    try:
        document: Any = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        hint = "is it a registry? A proxy or a login page may answer in its place"
        raise ToolError(f"{reference.host} gave no manifest for {reference}: it is no JSON", hint, str(reference))
    said = content_type.partition(";")[0].strip()
    if document.get("schemaVersion") == 1 or said.startswith("application/vnd.docker.distribution.manifest.v1+"):
        hint = "take a newer tag, or push the image again: `skopeo copy --format oci`"
        raise ToolError(f"{reference} is of Docker's schema 1, which nobody makes since 2017", hint, str(reference))
    found = document.get("mediaType") or said
    if found in _KNOWN:
        return str(found)
    if document.get("schemaVersion") == 2 and not document.get("mediaType"):  # which OCI leaves open
        if isinstance(document.get("manifests"), list):
            return oci.OCI_INDEX
        if isinstance(document.get("layers"), list):
            return oci.OCI_MANIFEST
    what = found or "something without a type"
    raise ToolError(f"{reference} is no image, but {what}", "name an image", str(reference))

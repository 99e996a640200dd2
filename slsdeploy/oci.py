"""Container images as values: references, descriptors, manifests; what Lambda takes of them. Pure.

https://github.com/opencontainers/image-spec, https://github.com/opencontainers/distribution-spec,
https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slsdeploy.errors import ProjectError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_INDEX)

# https://github.com/distribution/reference/blob/main/reference.go
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<host>(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)/)?"
    rf"(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an image is: a registry's host (with its port), a repository there, a tag or a digest ("sha256:...") or both."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        name = f"{self.host}/{self.repository}"
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """What a registry's manifest is asked for by."""
        return self.digest or self.tag or "latest"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by its media type, digest ("sha256:...") and size in bytes."""

    media_type: str
    digest: str
    size: int

    def document(self) -> dict[str, Any]:
        """Return it as manifests have it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index as a registry gave it."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def document(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.content)
        return found


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of an image that is to be pushed, and where its bytes are: a file, these bytes, or a repository of another registry."""

    descriptor: Descriptor
    name: str
    source: Path | bytes | Reference


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its manifest, and every blob that the manifest names (the configuration and the layers, the base's first)."""

    manifest: Manifest
    blobs: tuple[Blob, ...]

    @property
    def digest(self) -> str:
        return self.manifest.digest


@dataclass(frozen=True, slots=True)
class Base:
    """An image to build upon: where it is, with its digest, its manifest and its configuration."""

    reference: str
    manifest: Manifest
    config: Mapping[str, Any]

    @property
    def has_runtime_client(self) -> bool:
        """Say whether it starts Lambda's runtime client by itself, as AWS's base images do.

        https://github.com/aws/aws-lambda-base-images
        """
        settings = self.config.get("config") or {}
        names = {variable.partition("=")[0] for variable in settings.get("Env") or ()}
        return "LAMBDA_RUNTIME_DIR" in names and bool(settings.get("Entrypoint"))


@dataclass(frozen=True, slots=True)
class Assembled:
    """An image in a folder: manifest.json and config.json. Layers that are no file of `layers` (by digest) are the base's.

    `base` is where that is, with its digest ("": the image has none).
    """

    digest: str
    folder: Path
    base: str
    layers: tuple[tuple[str, str, Path], ...]

    def is_whole(self) -> bool:
        """Say whether both files are there, and are what they were."""
        try:
            manifest = (self.folder / "manifest.json").read_bytes()
            config = (self.folder / "config.json").read_bytes()
        except OSError:
            return False
        return digest_of(manifest) == self.digest and json.loads(manifest)["config"]["digest"] == digest_of(config)

    def read(self) -> Image:
        """Return the image; nothing is read but the two files."""
        manifest = Manifest(*_typed((self.folder / "manifest.json").read_bytes()))
        config = (self.folder / "config.json").read_bytes()
        files = {digest: (name, path) for name, digest, path in self.layers}
        blobs = [Blob(_descriptor(manifest.document["config"]), "configuration", config)]
        for said in manifest.document["layers"]:
            layer = _descriptor(said)
            name, source = files.get(layer.digest) or ("base", reference(self.base))
            blobs.append(Blob(layer, name, source))
        return Image(manifest, tuple(blobs))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did: where the image is (with its digest), the digests that were there already, the bytes that were sent."""

    reference: Reference
    reused: frozenset[str]
    uploaded_bytes: int


def referrer(subject: Image, content: bytes, media_type: str, title: str) -> Image:
    """Return a file about an image as a registry keeps it: a manifest of its own, with the image as its subject.

    https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
    """
    empty = Blob(Descriptor(EMPTY_CONFIG, digest_of(b"{}"), 2), "configuration", b"{}")
    file = Blob(Descriptor(media_type, digest_of(content), len(content)), title, content)
    image = Descriptor(subject.manifest.media_type, subject.digest, len(subject.manifest.content))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": media_type,
        "config": empty.descriptor.document(),
        "layers": [{**file.descriptor.document(), "annotations": {"org.opencontainers.image.title": title}}],
        "subject": image.document(),
    }
    manifest = Manifest(OCI_MANIFEST, json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    return Image(manifest, (empty, file))


def _typed(content: bytes) -> tuple[str, bytes]:
    return json.loads(content)["mediaType"], content


def _descriptor(said: Mapping[str, Any]) -> Descriptor:
    return Descriptor(said["mediaType"], said["digest"], said["size"])


def media_type_of(content: bytes) -> str:
    """Return what a manifest says that it is; OCI's may leave that out.

    https://github.com/opencontainers/image-spec/blob/main/manifest.md#image-manifest-property-descriptions
    """
    return str(json.loads(content).get("mediaType") or OCI_MANIFEST)


def digest_of(content: bytes) -> str:
    """Return the digest of a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_loopback(netloc: str) -> bool:
    """Say whether a host (with its port) is this machine."""
    name = urlsplit(f"//{netloc}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def reference(text: str) -> Reference:
    """Read `HOST/REPOSITORY[:TAG][@DIGEST]`; without a host, as Docker reads it: Docker Hub's.

    Raises ProjectError for what is no reference.
    """
    found = _REFERENCE.fullmatch(text)
    if not found:
        hint = "HOST/REPOSITORY:TAG, as in public.ecr.aws/lambda/python:3.13; repositories are lower-case"
        raise ProjectError(f'"{text}" is no reference to an image', hint)
    host, repository = found["host"] or "", found["repository"]
    if host and not ("." in host or ":" in host or host == "localhost"):  # the first part of Docker Hub's repository
        host, repository = "", f"{host}/{repository}"
    if host in ("", "docker.io", "index.docker.io"):
        host = _DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Reference(host, repository, found["tag"] or "", found["digest"] or "")

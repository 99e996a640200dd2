"""A function's ImageUri -> the image as the local Lambda runs it: its layers' blobs, and how it says it is started.

What Lambda refuses when a function is made of it is refused here, in its words where they are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slsdeploy import oci
from slsdeploy.errors import ProjectError
from slsdeploy.local.functions.values import ContainerImage, ImageLayer
from slsdeploy.local.images.errors import Refusal
from slsdeploy.local.images.repositories import Repositories

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs: OCI's, or Docker's schema 2, packed with gzip or not
_LAYERS = (oci.OCI_LAYER, oci.OCI_LAYER.removesuffix("+gzip"), oci.DOCKER_LAYER, oci.DOCKER_LAYER.removesuffix(".gzip"))
_CONFIGS = (oci.OCI_CONFIG, oci.DOCKER_CONFIG)


class BadImage(Exception):
    """Lambda makes no function of this image."""


def find(uri: str, host: str, region: str, architecture: str, images: Repositories) -> ContainerImage:
    """Return the image that a function's ImageUri means now. Raises BadImage."""
    reference = _reference(uri, host)
    manifest, repository = _manifest(uri, reference, region, images)
    if manifest.media_type not in oci.MANIFESTS or not _is_taken(manifest.document):
        # https://github.com/aws/aws-lambda-roadmap/issues/82
        text = f"The image manifest, config or layer media type for the source image {uri} is not supported."
        raise BadImage(text)
    config = json.loads(images.contents.path(manifest.document["config"]["digest"]).read_bytes())
    built_for = _ARCHITECTURES.get(config.get("architecture", ""), config.get("architecture"))
    if (config.get("os"), built_for) != ("linux", architecture):
        # AWS says so only when it is run ("exec format error"); here the function would run, and deceive.
        text = f"Source image {uri} is for {config.get('os')}/{built_for}, the function for linux/{architecture}."
        raise BadImage(text)
    return _image(manifest, repository, config, images)


def _reference(uri: str, host: str) -> oci.Reference:
    try:
        found = oci.reference(uri)
    except ProjectError:
        found = None
    names = (host, f"localhost:{host.rpartition(':')[2]}")
    if found is None or found.host not in names or not (found.tag or found.digest):
        raise BadImage(f"Source image {uri} is not valid. Provide a valid source image.")
    return found


def _manifest(uri: str, reference: oci.Reference, region: str, images: Repositories) -> tuple[oci.Manifest, str]:
    try:
        found = images.image(reference.repository, reference.name, region)
        content = images.contents.path(found.image_digest).read_bytes()
    except (Refusal, FileNotFoundError) as error:
        raise BadImage(f"Source image {uri} does not exist. Provide a valid source image.") from error
    return oci.Manifest(found.image_manifest_media_type, content), f"{reference.host}/{reference.repository}"


def _is_taken(manifest: Mapping[str, Any]) -> bool:
    return manifest["config"]["mediaType"] in _CONFIGS and all(
        layer["mediaType"] in _LAYERS for layer in manifest["layers"]
    )


def _image(manifest: oci.Manifest, repository: str, config: Mapping[str, Any], images: Repositories) -> ContainerImage:
    said = config.get("config") or {}
    layers = tuple(
        ImageLayer(layer["digest"], images.contents.path(layer["digest"])) for layer in manifest.document["layers"]
    )
    variables = dict(each.split("=", 1) for each in said.get("Env") or () if "=" in each)
    return ContainerImage(
        repository=repository,
        digest=manifest.digest,
        layers=layers,
        entry_point=tuple(said.get("Entrypoint") or ()),
        command=tuple(said.get("Cmd") or ()),
        directory=said.get("WorkingDir") or "",
        environment=variables,
    )

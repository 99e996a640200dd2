"""Which repository has which images and blobs: moto's ECR keeps it, so that ListImages shows what was pushed and a push what PutImage put.

The registry has one host for all regions: repositories of the same name in several regions have the same images.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.ecr.models import Image, ecr_backends

from slsdeploy import oci
from slsdeploy.local.images.contents import Contents
from slsdeploy.local.images.errors import Refusal
from slsdeploy.local.lambda_names import ACCOUNT


class Repositories:
    """moto's repositories, by name, over the blobs that they share."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def check(self, name: str) -> None:
        """Raise Refusal when there is no such repository: as ECR, we make none by ourselves."""
        self._named(name)

    def has_blob(self, name: str, digest: str) -> bool:
        """Say whether a repository has a blob."""
        return any(digest in each.layers for each in self._named(name)) and self.contents.size(digest) is not None

    def add_blob(self, name: str, digest: str) -> None:
        """Give a repository a blob that is there."""
        for each in self._named(name):
            each.layers[digest] = self.contents.size(digest)

    def image(self, name: str, reference: str, region: str = "") -> Any:
        """Return moto's image of that tag or digest, in one region or ("") any. Raises Refusal."""
        for each in self._named(name):
            for image in each.images if region in ("", each.arn.split(":")[3]) else ():
                if reference in image.image_tags or reference == image.image_digest:
                    return image
        raise Refusal("MANIFEST_UNKNOWN", f"{name} has no image {reference}")

    def manifests(self, name: str) -> list[oci.Manifest]:
        """Return all manifests of a repository, each once."""
        found = {image.image_digest: image for each in self._named(name) for image in each.images}
        return [oci.Manifest(each.image_manifest_media_type, each.image_manifest.encode()) for each in found.values()]

    def tags(self, name: str) -> list[str]:
        """Return a repository's tags, sorted."""
        return sorted({tag for each in self._named(name) for image in each.images for tag in image.image_tags})

    def put(self, name: str, manifest: oci.Manifest, tag: str) -> None:
        """Add an image, and give it a tag, which another loses ("": none). Raises Refusal."""
        with self.contents.lock:
            found = self._named(name)
            for each in found:
                _check_mutable(each, tag, manifest.digest)
            self.contents.put(manifest.content)
            for each in found:
                _put(each, manifest, tag)

    def remove(self, name: str, reference: str) -> None:
        """Remove an image, or only a tag of it."""
        image_id = {"imageDigest" if reference.startswith("sha256:") else "imageTag": reference}
        self.image(name, reference)
        for each in self._named(name):
            ecr_backends[ACCOUNT][each.arn.split(":")[3]].batch_delete_image(name, image_ids=[image_id])

    def collect(self, used: Iterable[str] = ()) -> None:
        """Remove the blobs that no repository has any more, but for those that are still `used`."""
        with self.contents.lock:
            kept = set(used)
            for each in _all():
                kept |= {*each.layers, *(image.image_digest for image in each.images)}
            self.contents.keep(kept)

    def _named(self, name: str) -> list[Any]:
        found = [each for each in _all() if each.name == name]
        if not found:
            raise Refusal(
                "NAME_UNKNOWN", f"the registry has no repository {name}: create it first (ecr CreateRepository)"
            )
        return found


def named_blobs(manifest: Mapping[str, Any]) -> list[str]:
    """Return the digests of the blobs that a manifest names."""
    return [each["digest"] for each in (manifest.get("config"), *manifest.get("layers", ())) if each]


def forget_blobs(repository: Any, former: Iterable[Any]) -> None:
    """Take from a repository the blobs that only images of it had that are gone now; what is being pushed stays."""
    gone = {digest for image in former for digest in named_blobs(json.loads(image.image_manifest))}
    left = {digest for image in repository.images for digest in named_blobs(json.loads(image.image_manifest))}
    for digest in gone - left:
        repository.layers.pop(digest, None)


def _all() -> Iterator[Any]:
    for backend in list(ecr_backends[ACCOUNT].values()):
        yield from list(backend.repositories.values())


def _check_mutable(repository: Any, tag: str, digest: str) -> None:
    tagged = next((image for image in repository.images if tag in image.image_tags), None)
    if tag and tagged is not None and tagged.image_digest != digest and repository.is_tag_immutable():
        text = f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten"
        raise Refusal("TAG_INVALID", f"{text} because the tag is immutable.")


def _put(repository: Any, manifest: oci.Manifest, tag: str) -> None:
    found = next((image for image in repository.images if image.image_digest == manifest.digest), None)
    if found is None:
        content = manifest.content.decode()
        found = Image(ACCOUNT, tag or None, content, repository.name, manifest.media_type, manifest.digest)
        repository.images.append(found)
    if not tag:
        return
    for image in repository.images:
        if image is not found and tag in image.image_tags:
            image.remove_tag(tag)
            image.image_tag = image.image_tags[-1] if image.image_tags else None  # moto leaves the last one there
    found.update_tag(tag)

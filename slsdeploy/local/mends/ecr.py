"""ECR in moto, mended: its registry is the local one, and its images are those that are pushed there (see `images/`).

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ecr import models, responses

from slsdeploy import oci
from slsdeploy.local.images.repositories import Repositories, forget_blobs
from slsdeploy.local.lambda_names import ACCOUNT
from slsdeploy.local.mends.lambda_images import blobs_in_use

_TOKEN_HOURS = 12


def mend(endpoint: str, images: Repositories) -> None:
    """Replace the methods."""
    backend, repository = models.ECRBackend, models.Repository
    repository.__init__ = _named_here(repository.__init__, urlsplit(endpoint).netloc)
    models.Image.get_image_size_in_bytes = _size
    backend.put_image = _keeping(backend.put_image, images)
    backend.complete_layer_upload = _keeping_layer(backend.complete_layer_upload, images)
    backend.batch_delete_image = _forgetting(backend.batch_delete_image, images)
    backend.delete_repository = _emptying(backend.delete_repository, images)
    responses.ECRResponse.get_authorization_token = _token(endpoint)


def _named_here(original: Callable[..., None], host: str) -> Callable[..., None]:
    def __init__(self: Any, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        self.uri = f"{host}/{self.name}"

    return __init__


def _size(self: Any) -> int:
    """Return the bytes of the configuration and the layers, as they are packed."""
    said = json.loads(self.image_manifest)
    return sum(each["size"] for each in (said.get("config"), *said.get("layers", ())) if each)


def _keeping(original: Callable[..., Any], images: Repositories) -> Callable[..., Any]:
    def put_image(
        self: Any, repository_name: str, image_manifest: str, image_tag: str, media_type: str = "", digest: str = ""
    ) -> Any:
        """Name an image by its manifest's digest; moto makes one up."""
        real = oci.digest_of(image_manifest.encode())
        if digest not in ("", None, real):
            text = f"The image digest calculated by ECR ('{real}') does not match the image digest '{digest}'."
            raise _Mismatch("ImageDigestDoesNotMatchException", text)
        with images.contents.lock:
            image = original(self, repository_name, image_manifest, image_tag, media_type, real)
            images.contents.put(image_manifest.encode())
        return image

    return put_image


class _Mismatch(JsonRESTError):  # type: ignore[misc]
    code = 400


def _keeping_layer(original: Callable[..., Any], images: Repositories) -> Callable[..., Any]:
    def complete_layer_upload(
        self: Any, repository_name: str, upload_id: str, layer_digests: list[str], registry_id: str | None = None
    ) -> Any:
        upload = self._get_repository(repository_name, registry_id).uploads.get(upload_id)
        with images.contents.lock:
            if upload is not None:
                images.contents.put(bytes(upload.layer_parts))
            return original(self, repository_name, upload_id, layer_digests, registry_id)

    return complete_layer_upload


def _forgetting(original: Callable[..., Any], images: Repositories) -> Callable[..., Any]:
    def batch_delete_image(
        self: Any, repository_name: str, registry_id: str | None = None, image_ids: Any = None
    ) -> Any:
        repository = self.repositories.get(repository_name)
        former = list(repository.images) if repository else []
        answer = original(self, repository_name, registry_id, image_ids)
        with images.contents.lock:
            if len(repository.images) < len(former):
                forget_blobs(repository, former)
                images.collect(blobs_in_use())
        return answer

    return batch_delete_image


def _emptying(original: Callable[..., Any], images: Repositories) -> Callable[..., Any]:
    def delete_repository(self: Any, repository_name: str, registry_id: str | None = None, force: bool = False) -> Any:
        with images.contents.lock:
            repository = original(self, repository_name, registry_id, force)
            images.contents.drop_uploads(repository_name)
            images.collect(blobs_in_use())
        return repository

    return delete_repository


def _token(endpoint: str) -> Callable[[Any], ActionResult]:
    def get_authorization_token(self: Any) -> ActionResult:
        """Answer what is good for our registry, which takes anything, for the hours that it is good for on AWS."""
        token = b64encode(f"AWS:{ACCOUNT}-auth-token".encode()).decode()
        expires = datetime.now(UTC) + timedelta(hours=_TOKEN_HOURS)
        given = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": endpoint}
        return ActionResult({"authorizationData": [given]})

    return get_authorization_token

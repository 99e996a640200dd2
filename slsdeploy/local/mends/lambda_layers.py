"""Layers in moto, mended: versions published at once, deleted ones that functions still have, where the content is, and limits.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException

from slsdeploy.local import layer_content
from slsdeploy.local.functions import registry
from slsdeploy.targets import LAYERS, ZIP_LIMIT

_UNZIPPED = "slsdeploy_unzipped"
_CHANGING_SIZE = frozenset({"ZipFile", "S3Bucket", "Layers"})
_lock = threading.Lock()


def mend(endpoint: str) -> None:
    """Replace the methods."""
    storage, version, function = models.LayerStorage, models.LayerVersion, models.LambdaFunction
    storage.put_layer_version = _one_at_a_time(storage.put_layer_version)
    storage.delete_layer_version = _delete_layer_version
    version.get_layer_version = _located(version.get_layer_version, endpoint)
    function._get_layers_data = _checking_count(function._get_layers_data)
    models.LambdaStorage.put_function = _checking_size(models.LambdaStorage.put_function)
    function.update_function_code = _checking_update(function.update_function_code)
    function.update_configuration = _checking_update(function.update_configuration)


def _one_at_a_time(put: Callable[..., None]) -> Callable[..., None]:
    """Number versions one after the other, also when they are published at once."""

    def put_layer_version(self: Any, layer_version: Any) -> None:
        _check([layer_version])
        with _lock:
            put(self, layer_version)

    return put_layer_version


def _delete_layer_version(self: Any, layer_name: str, layer_version: str) -> None:
    """Delete a version, if there is one; functions that have it go on with it."""
    name = layer_name.rpartition(":layer:")[2]
    with _lock:
        layer = self._layers.get(name)
        found = layer.layer_versions.get(str(layer_version)) if layer else None
        if found is not None:
            registry.keep_layer(found)
            layer.delete_version(layer_version)


def _located(describe: Callable[..., dict[str, Any]], endpoint: str) -> Callable[..., dict[str, Any]]:
    def get_layer_version(self: Any) -> dict[str, Any]:
        said = describe(self)
        said["Content"]["Location"] = f"{endpoint}{layer_content.path_of(self.region, self.name, self.version)}"
        return said

    return get_layer_version


def _checking_count(read: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def _get_layers_data(self: Any, layers_versions_arns: list[str]) -> list[Any]:
        if len(layers_versions_arns) > LAYERS:
            raise InvalidParameterValueException(f"Cannot reference more than {LAYERS} layers.")
        return read(self, layers_versions_arns)

    return _get_layers_data


def _checking_size(put: Callable[..., None]) -> Callable[..., None]:
    def put_function(self: Any, fn: Any) -> None:
        _check_function(fn)
        put(self, fn)

    return put_function


def _checking_update(update: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse what makes the function too large, and leave it as it was."""

    def checked(self: Any, changes: dict[str, Any]) -> Any:
        before = {**vars(self), "code": dict(self.code)}
        answer = update(self, changes)
        try:
            if _CHANGING_SIZE & changes.keys():
                _check_function(self)
        except InvalidParameterValueException:
            vars(self).update(before)
            raise
        return answer

    return checked


def _check_function(fn: Any) -> None:
    if fn.package_type != "Image":
        backend = models.lambda_backends[fn.account_id][fn.region]
        _check([fn, *filter(None, (backend.layers_versions_by_arn(layer["Arn"]) for layer in fn.layers))])


def _check(archives: Sequence[Any]) -> None:
    """Refuse what unpacks to more than Lambda takes, in its words."""
    if sum(map(_unzipped, archives)) >= ZIP_LIMIT:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {ZIP_LIMIT} bytes")


def _unzipped(archive: Any) -> int:
    """Return how many bytes a layer or a function's code has, unzipped; 0 when it is no zip, which is found out when it is used."""
    size: int | None = getattr(archive, _UNZIPPED, None)
    if size is None:
        try:
            with zipfile.ZipFile(io.BytesIO(archive.code_bytes)) as opened:
                size = sum(member.file_size for member in opened.infolist())
        except (zipfile.BadZipFile, AttributeError, TypeError):
            size = 0
        if isinstance(archive, models.LayerVersion):
            setattr(archive, _UNZIPPED, size)
    return size

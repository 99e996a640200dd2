"""Lambda's control plane in moto, mended for functions of container images: the image is looked up when a function gets it, and kept.

https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException

from slsdeploy.local.functions.values import IMAGE
from slsdeploy.local.images import of_functions
from slsdeploy.local.images.repositories import Repositories
from slsdeploy.local.lambda_names import ACCOUNT

_OF_ZIPS = ("Handler", "Runtime", "Layers")


def mend(endpoint: str, images: Repositories) -> None:
    """Replace the methods."""
    function = models.LambdaFunction
    function._set_function_code = _finding(function._set_function_code, urlsplit(endpoint).netloc, images)
    function.get_code = _resolved(function.get_code)
    function.get_configuration = _showing(function.get_configuration)
    function.update_configuration = _updating(function.update_configuration)
    function.update_function_code = _keeping_kind(function.update_function_code)
    models.LambdaBackend.create_function = _checking(models.LambdaBackend.create_function)


def blobs_in_use() -> Iterator[str]:
    """Yield the digests of the blobs that functions are made of: they go on working when their image is deleted."""
    for backend in list(models.lambda_backends[ACCOUNT].values()):
        for group in list(backend._lambdas._functions.values()):
            for function in (group["latest"], *group["versions"]):
                found = getattr(function, IMAGE, None)
                yield from (layer.digest for layer in found.layers) if found else ()


def _checking(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_function(self: Any, spec: dict[str, Any]) -> Any:
        is_image, has_image = spec.get("PackageType") == "Image", "ImageUri" in spec.get("Code", {})
        if is_image and any(spec.get(name) for name in _OF_ZIPS):
            text = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            raise InvalidParameterValueException(text)
        if is_image and not has_image:
            raise InvalidParameterValueException(
                "Please provide ImageUri when creating a function with packageType Image."
            )
        if has_image and not is_image:
            text = "Please don't provide ImageUri when creating a function with packageType Zip."
            raise InvalidParameterValueException(text)
        return create(self, spec)

    return create_function


def _finding(original: Callable[..., None], host: str, images: Repositories) -> Callable[..., None]:
    def _set_function_code(self: Any, updated_spec: dict[str, Any]) -> None:
        uri = updated_spec.get("ImageUri")
        if uri is None:
            original(self, updated_spec)
            return
        try:
            found = of_functions.find(uri, host, self.region, self.architectures[0], images)
        except of_functions.BadImage as error:
            raise InvalidParameterValueException(str(error)) from error
        if updated_spec.get("DryRun"):
            return
        setattr(self, IMAGE, found)
        # A published version has the former code in this very dictionary: a new one, not a changed one.
        self.code = {**self.code, "ImageUri": uri}
        self.code_sha_256, self.code_size = found.digest.removeprefix("sha256:"), 0

    return _set_function_code


def _keeping_kind(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_function_code(self: Any, updated_spec: dict[str, Any]) -> Any:
        is_image, has_image = self.package_type == "Image", "ImageUri" in updated_spec
        if is_image and not has_image:
            raise InvalidParameterValueException(
                "Please provide ImageUri when updating a function with packageType Image."
            )
        if has_image and not is_image:
            text = "Please don't provide ImageUri when updating a function with packageType Zip."
            raise InvalidParameterValueException(text)
        return update(self, updated_spec)

    return update_function_code


def _resolved(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_code(self: Any) -> Any:
        answer = original(self)
        if found := getattr(self, IMAGE, None):
            answer["Code"]["ResolvedImageUri"] = f"{found.repository}@{found.digest}"
        return answer

    return get_code


def _showing(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_configuration(self: Any, *given: Any, **named: Any) -> Any:
        shown = original(self, *given, **named)
        said = shown.get("ImageConfigResponse", {}).get("ImageConfig", {})
        if not any(said.values()):
            shown.pop("ImageConfigResponse", None)
        return shown

    return get_configuration


def _updating(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        if "ImageConfig" in config_updates:
            self.image_config = models.ImageConfig(config_updates["ImageConfig"] or {})
        return update(self, config_updates)

    return update_configuration

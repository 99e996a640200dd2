"""Reads functions, versions, aliases and layers out of moto's own Lambda backend, in this process, as `FunctionSpec`s."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError

from slsdeploy.local import lambda_names
from slsdeploy.local.functions.values import IMAGE, Archive, ContainerImage, FunctionSpec, Refused
from slsdeploy.local.lambda_names import ACCOUNT

KEPT = "slsdeploy_kept"  # what moto forgets of a function is kept under this name (see hooks.py)

# A deleted layer version goes on working for the functions that use it:
# https://docs.aws.amazon.com/lambda/latest/dg/creating-deleting-layers.html#layers-delete
_in_use: dict[str, Any] = {}


def region_of(function: str, default: str) -> str:
    """Return the region of an ARN, or the default for a mere name."""
    return function.split(":")[3] if function.startswith("arn:") else default


def resolve(region: str, function: str, qualifier: str | None = None) -> FunctionSpec:
    """Return the version that a name and a qualifier (a version, an alias, none) mean now. Raises Refused (404)."""
    name, qualifier = lambda_names.split(function, qualifier)
    region = region_of(function, region)
    try:
        found = lambda_backends[ACCOUNT][region].get_function(name, qualifier)
    except (JsonRESTError, KeyError, AttributeError) as error:
        arn = lambda_names.arn(region, name, qualifier)
        raise Refused(404, "ResourceNotFoundException", f"Function not found: {arn}") from error
    return spec_of(found, region)


def spec_of(function: Any, region: str) -> FunctionSpec:
    """Return moto's function as a value. Raises Refused for what cannot be run here."""
    kept: dict[str, Any] = getattr(function, KEPT, {})
    version = str(function.version) if is_published(function) else "$LATEST"
    concurrency = function.reserved_concurrency
    return FunctionSpec(
        region=region,
        account=ACCOUNT,
        name=function.function_name,
        version=version,
        runtime=function.run_time or "",
        handler=function.handler or "",
        memory=int(function.memory_size or 128),
        timeout=int(function.timeout or 3),
        storage=int(function.ephemeral_storage or 512),
        environment={str(key): str(value) for key, value in (function.environment_vars or {}).items()},
        code=_code(function),
        layers=tuple(_layer(layer["Arn"], region) for layer in function.layers),
        log_group=(kept.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function.function_name}",
        dead_letter=(kept.get("DeadLetterConfig") or {}).get("TargetArn") or None,
        mounts=tuple(each["LocalMountPath"] for each in kept.get("FileSystemConfigs") or ()),
        concurrency=None if concurrency is None else int(concurrency),
        snap_start=version != "$LATEST" and (kept.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions",
    )


def event_invoke_config(region: str, function: str) -> dict[str, Any]:
    """Return how asynchronous invokes of a function are retried and where failures go; empty: the defaults."""
    configs = lambda_backends[ACCOUNT][region].get_function(lambda_names.split(function)[0]).event_invoke_config
    return dict(configs[-1].config) if configs else {}


def functions() -> list[FunctionSpec]:
    """Return every version of every function of every region."""
    specs: list[FunctionSpec] = []
    used: set[str] = set()
    for region, backend in list(lambda_backends[ACCOUNT].items()):
        for group in list(backend._lambdas._functions.values()):
            found = [group["latest"], *group["versions"]]
            specs += [spec_of(one, region) for one in found if one is not None]
            used |= {layer["Arn"] for one in found if one is not None for layer in one.layers}
    for arn in _in_use.keys() - used:
        _in_use.pop(arn, None)
    return specs


def keep_layer(version: Any) -> None:
    """Keep a layer's version that is being deleted, for the functions that use it."""
    _in_use[version.arn] = version


def event_source_mappings() -> list[Any]:
    """Return moto's event source mappings of every region."""
    backends = list(lambda_backends[ACCOUNT].values())
    return [mapping for backend in backends for mapping in list(backend._event_source_mappings.values())]


def is_published(function: Any) -> bool:
    """Tell a published version from the newest code.

    moto gives that version 1 as well; only a published version's ARN ends in its number.
    """
    version = str(function.version)
    return version.isdigit() and str(function.function_arn).endswith(f":{version}")


def _code(function: Any) -> Archive | ContainerImage:
    """Return what a function is made of; of an image, what the function's own settings change in how it is started.

    https://docs.aws.amazon.com/lambda/latest/dg/images-parms.html
    """
    image: ContainerImage | None = getattr(function, IMAGE, None)
    if image is None:
        return Archive(_hex(function.code_sha_256, function.code_bytes), lambda: bytes(function.code_bytes))
    settings = function.image_config
    return replace(
        image,
        entry_point=tuple(settings.entry_point or image.entry_point),
        command=tuple(settings.cmd or image.command),
        directory=settings.working_directory or image.directory,
    )


def _layer(arn: str, region: str) -> Archive:
    version = lambda_backends[ACCOUNT][region].layers_versions_by_arn(arn)
    version = _in_use.get(arn) if version is None else version
    if version is None:
        raise Refused(502, "InvalidParameterValueException", f"Layer version {arn} does not exist.")
    _in_use[arn] = version
    return Archive(_hex(version.code_sha_256, version.code_bytes), lambda: bytes(version.code_bytes))


def _hex(sha256: str, content: bytes) -> str:
    """Return moto's digest (base64) as hex; of the bytes themselves when it has none."""
    try:
        digest = base64.b64decode(sha256 or "", validate=True)
    except ValueError:
        digest = b""
    return digest.hex() if len(digest) == 32 else hashlib.sha256(content).hexdigest()

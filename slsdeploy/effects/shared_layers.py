"""Shared layers in Lambda: which versions there are, publishing one, who uses them, deleting those that nobody does.

A version is deleted only when no function of the account and region has it, nor any published version of a function: so a deployment
that fails can be put back. What cannot be seen is an `up` that has looked a version up and has no function with it yet: it fails, and the
next one publishes the layer again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slsdeploy.errors import AwsError
from slsdeploy.layers import PREFIX, SharedLayer, read

NOT_FOUND = "ResourceNotFoundException"


def numbers(client: Any, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the numbers of each layer's versions, the newest first; asks for all layers at once."""
    if not names:
        return {}
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: tuple(_numbers(client, name)), names), strict=True))


def _numbers(client: Any, name: str) -> list[int]:
    try:
        pages = list(client.pages("list_layer_versions", LayerName=name))
    except AwsError as refused:
        if refused.code == NOT_FOUND:
            return []
        raise
    return [version["Version"] for page in pages for version in page["LayerVersions"]]


def same(client: Any, layer: SharedLayer, found: Sequence[int]) -> tuple[int, ...]:
    """Return the versions of those found whose content is the layer's zip, as the name alone does not say."""
    if not found:
        return ()
    with layer.path.open("rb") as stream:
        wanted = base64.b64encode(hashlib.file_digest(stream, "sha256").digest()).decode()
    return tuple(number for number in found if _content(client, layer.name, number) == wanted)


def _content(client: Any, name: str, number: int) -> str:
    """Return the sha256 (base64) of a version's zip, "" of one that is gone."""
    try:
        return str(client.get_layer_version(LayerName=name, VersionNumber=number)["Content"]["CodeSha256"])
    except AwsError as refused:
        if refused.code == NOT_FOUND:
            return ""
        raise


def publish(client: Any, layer: SharedLayer, bucket: str, stack: str) -> int:
    """Publish a version for a stack, its zip from the bucket or in the call; return its number."""
    content = {"S3Bucket": bucket, "S3Key": layer.key} if bucket else {"ZipFile": layer.path.read_bytes()}
    # Both only say what it is for, to those who list layers: https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
    runtimes = {"CompatibleRuntimes": list(layer.runtimes)} if layer.runtimes else {}
    made = client.publish_layer_version(
        LayerName=layer.name,
        Description=_description(stack),
        Content=content,
        CompatibleArchitectures=list(layer.architectures),
        **runtimes,
    )
    return int(made["Version"])


def of_stack(client: Any, stack: str) -> frozenset[str]:
    """Return the ARNs of our layers that a stack's function has in any version, and of those published for it (and perhaps never used)."""
    return frozenset([*_used_by(client, stack), *_published_for(client, stack)])


def remove(client: Any, arns: frozenset[str]) -> dict[str, str]:
    """Delete those that no function uses; return the others, each with the name of a function that does."""
    if not arns:
        return {}
    users: dict[str, str] = {}
    for function in _functions(client):
        users.update({arn: function["FunctionName"] for arn in _layers(function) if arn in arns})
    for arn in sorted(arns - users.keys()):
        name, _, number = arn.rpartition(":")
        client.delete_layer_version(LayerName=name, VersionNumber=int(number))
    return users


def _description(stack: str) -> str:
    return f"published by slsdeploy for {stack}"


def _used_by(client: Any, function: str) -> list[str]:
    try:
        pages = list(client.pages("list_versions_by_function", FunctionName=function))
    except AwsError as refused:
        if refused.code == NOT_FOUND:
            return []
        raise
    versions = [version for page in pages for version in page["Versions"]]
    # another account's, which somebody attached, is not ours to delete
    return [
        arn
        for each in versions
        for arn in _layers(each)
        if read(arn) and _account(arn) == _account(each["FunctionArn"])
    ]


def _published_for(client: Any, stack: str) -> Iterator[str]:
    for page in client.pages("list_layers"):
        for layer in page["Layers"]:
            newest = layer.get("LatestMatchingVersion", {})
            is_ours = layer["LayerName"].startswith(PREFIX) and newest.get("Description") == _description(stack)
            if is_ours and read(newest["LayerVersionArn"]):
                yield newest["LayerVersionArn"]


def _functions(client: Any) -> Iterator[dict[str, Any]]:
    """Yield every version of every function."""
    for page in client.pages("list_functions", FunctionVersion="ALL"):
        yield from page["Functions"]


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _layers(function: dict[str, Any]) -> list[str]:
    return [layer["Arn"] for layer in function.get("Layers") or ()]

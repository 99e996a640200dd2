"""Which layers `down` may delete: told from what Lambda lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slsdeploy.effects import shared_layers
from slsdeploy.errors import AwsError

ACCOUNT, OTHER = "123456789012", "210987654321"


def arn(part: str, number: int = 1, account: str = ACCOUNT) -> str:
    return f"arn:aws:lambda:us-east-1:{account}:layer:slsdeploy-{part}-{'0' * 32}:{number}"


def function(name: str, *layers: str) -> dict[str, Any]:
    made = {"FunctionName": name, "FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"}
    return {**made, "Layers": [{"Arn": layer} for layer in layers]} if layers else made


class Lists:
    """A client that answers listings page by page, and keeps what was deleted."""

    def __init__(self, **pages: Any) -> None:
        self.listed = pages
        self.deleted: list[tuple[str, int]] = []

    def pages(self, operation: str, **given: Any) -> Iterator[Any]:
        found = self.listed[operation]
        if isinstance(found, Exception):
            raise found
        yield from found

    def delete_layer_version(self, LayerName: str, VersionNumber: int) -> None:
        self.deleted.append((LayerName, VersionNumber))


def test_a_stacks_layers_are_those_of_all_versions_of_its_function_and_what_was_published_for_it() -> None:
    fonts = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:fonts:7"
    older, newer = function("iris-dev", arn("model", 1), fonts), function("iris-dev", arn("model", 2))
    foreign = function("iris-dev", arn("model", 9, OTHER))
    never = {"LayerVersionArn": arn("runtime", 3), "Description": "published by slsdeploy for iris-dev"}
    listed = [
        {"LayerName": arn("runtime").split(":")[6], "LatestMatchingVersion": never},
        {"LayerName": "fonts", "LatestMatchingVersion": {"LayerVersionArn": fonts}},
        {"LayerName": "slsdeploy-x", "LatestMatchingVersion": {**never, "Description": "of somebody else"}},
    ]
    client = Lists(
        list_versions_by_function=[{"Versions": [older, foreign]}, {"Versions": [newer]}],
        list_layers=[{"Layers": listed[:1]}, {"Layers": listed[1:]}],
    )
    assert shared_layers.of_stack(client, "iris-dev") == {arn("model", 1), arn("model", 2), arn("runtime", 3)}


def test_a_stack_that_is_gone_has_what_was_published_for_it() -> None:
    gone = AwsError("no such function", code="ResourceNotFoundException")
    client = Lists(list_versions_by_function=gone, list_layers=[{"Layers": []}])
    assert shared_layers.of_stack(client, "iris-dev") == frozenset()


def test_what_any_version_of_any_function_has_is_kept() -> None:
    functions = [function("plain"), function("iris-prod", arn("model", 1)), function("iris-prod", arn("runtime", 1))]
    client = Lists(list_functions=[{"Functions": functions[:1]}, {"Functions": functions[1:]}])
    wanted = frozenset({arn("model", 1), arn("model", 2), arn("runtime", 1)})
    assert shared_layers.remove(client, wanted) == {arn("model", 1): "iris-prod", arn("runtime", 1): "iris-prod"}
    assert client.deleted == [(arn("model").rpartition(":")[0], 2)]
    assert shared_layers.remove(Lists(), frozenset()) == {}

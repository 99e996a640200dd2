"""Intrinsic functions answer what CloudFormation's do, and know what they cannot know yet."""

from __future__ import annotations

from typing import Any

import pytest

from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.intrinsics import Scope, Unknown, references, resolve, resolve_condition

VALUES = {"AWS::Region": "eu-west-1", "AWS::StackName": "iris-dev", "Stage": "prod", "Zones": ["a", "b"]}
MAPPINGS = {"Sizes": {"prod": {"memory": 512}}}
CONDITIONS = {
    "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
    "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
    "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
    "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
}


def known(logical_id: str, attribute: str) -> Any:
    if logical_id == "New":
        return Unknown(logical_id, attribute)
    return f"{logical_id}.{attribute}" if attribute else f"{logical_id}-id"


SCOPE = Scope(VALUES, known, MAPPINGS, CONDITIONS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "prod"),
        ({"Ref": "Queue"}, "Queue-id"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue.Arn"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Queue.Arn"),
        (
            {"Fn::Sub": "${AWS::StackName}-${Stage}-${Queue}-${Queue.Arn}-${!Literal}"},
            "iris-dev-prod-Queue-id-Queue.Arn-${Literal}",
        ),
        ({"Fn::Sub": ["${Name}/${Stage}", {"Name": {"Ref": "Queue"}}]}, "Queue-id/prod"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, True, 1]]}, "a-prod-true-1"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Split": ["-", {"Ref": "AWS::StackName"}]}, ["iris", "dev"]),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 512),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a":"prod"}'),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Fn::If": ["IsDev", 2, {"Ref": "AWS::NoValue"}]}]}, {"b": [1]}),
        ({"Condition": {"Bool": {"x": "false"}}}, {"Condition": {"Bool": {"x": "false"}}}),
    ],
)
def test_functions_resolve(value: Any, expected: Any) -> None:
    assert resolve(value, SCOPE) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "New"},
        {"Fn::GetAtt": ["New", "Arn"]},
        {"Fn::Sub": "x-${New.Arn}"},
        {"Fn::Join": ["", ["x", {"Ref": "New"}]]},
        {"Fn::Split": [":", {"Fn::GetAtt": ["New", "Arn"]}]},
        {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "New"}]}]},
        {"Fn::Base64": {"Ref": "New"}},
        {"Fn::ToJsonString": {"a": {"Ref": "New"}}},
    ],
)
def test_what_is_built_from_something_unknown_is_unknown(value: Any) -> None:
    found = resolve(value, SCOPE)
    assert isinstance(found, Unknown) and found.logical_id == "New"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Fn::Nope": 1}, "does not know the function Fn::Nope"),
        ({"Fn::Select": [5, ["a"]]}, "cannot select nonexistent value at index 5"),
        ({"Fn::FindInMap": ["Sizes", "dev", "memory"]}, "Unable to get mapping for Sizes::dev::memory"),
        ({"Fn::GetAtt": ["OnlyOne"]}, "requires two non-empty parameters"),
    ],
)
def test_what_cannot_be_resolved_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        resolve(value, SCOPE)


def test_conditions_that_are_not_there_are_refused() -> None:
    assert resolve_condition("IsProd", SCOPE)
    with pytest.raises(Refused, match="unresolved condition dependency Nope"):
        resolve_condition("Nope", SCOPE)


def test_references_are_found_wherever_they_are() -> None:
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": "Two.Arn"}],
        "b": {"Fn::Sub": ["${Three.Arn} ${Local}", {"Local": {"Ref": "Four"}}]},
        "c": {"Fn::If": ["IsProd", {"Ref": "Five"}, "x"]},
    }
    assert set(references(value)) == {("One", ""), ("Two", "Arn"), ("Three", "Arn"), ("Four", ""), ("Five", "")}

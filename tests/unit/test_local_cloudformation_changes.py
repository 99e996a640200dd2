"""What a change set says of a stack and a template, resource by resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slsdeploy.local.cloudformation.changes import compare, has_changes
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.records import Desired, Resource, Stack, Stacks
from slsdeploy.local.cloudformation.template import read

PSEUDO = {"AWS::Region": "us-east-1", "AWS::StackName": "s"}


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def desired(resources: dict[str, Any], tags: tuple[dict[str, str], ...] = (), **sections: Any) -> Desired:
    return Desired(read(json.dumps({"Resources": resources, **sections}), {}, PSEUDO), tags=tags)


def a_stack(resources: dict[str, Any], **properties: dict[str, Any]) -> Stack:
    """Return a stack as if these resources had been deployed, with the given (resolved) properties."""
    stack = Stacks("123456789012").draft("us-east-1", "s")
    stack.current = desired(resources)
    for name, definition in stack.current.template.resources.items():
        arn = {"Arn": f"arn:{name}", "QueueName": name}
        given = properties.get(name, definition.properties)
        stack.resources[name] = Resource(name, definition.type, f"{name}-id", given, arn)
    return stack


BASE = {
    "Dead": queue(),
    "Main": queue(VisibilityTimeout=60, RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}),
}


def base() -> Stack:
    return a_stack(BASE, Main={"VisibilityTimeout": 60, "RedrivePolicy": {"deadLetterTargetArn": "arn:Dead"}})


def test_the_same_is_no_change() -> None:
    assert compare(base(), desired(BASE)) == ()
    assert not has_changes(base(), desired(BASE), ())


def test_an_output_is_a_change_of_its_own() -> None:
    wanted = desired(BASE, Outputs={"Url": {"Value": {"Ref": "Main"}}})
    assert compare(base(), wanted) == ()
    assert has_changes(base(), wanted, ())


def test_resources_are_added_and_removed_each_in_order() -> None:
    changes = compare(base(), desired({"B": queue(QueueName={"Fn::GetAtt": ["A", "QueueName"]}), "A": queue()}))
    assert [(change.action, change.logical_id) for change in changes] == [
        ("Add", "A"),
        ("Add", "B"),
        ("Remove", "Main"),
        ("Remove", "Dead"),
    ]


def test_a_property_is_changed_in_place() -> None:
    (change,) = compare(
        base(), desired({**BASE, "Main": queue(**{**BASE["Main"]["Properties"], "VisibilityTimeout": 90})})
    )
    assert (change.action, change.replaces) == ("Modify", False)
    (detail,) = change.details
    assert (detail.name, detail.recreation, detail.source) == ("VisibilityTimeout", "Never", "DirectModification")


def test_what_refers_to_a_replaced_resource_changes_too() -> None:
    dead, main = compare(base(), desired({**BASE, "Dead": queue(QueueName="other")}))
    assert (dead.logical_id, dead.replaces, dead.policy_action) == ("Dead", True, "ReplaceAndDelete")
    assert (main.logical_id, main.replaces) == ("Main", False)
    assert (main.details[0].source, main.details[0].cause) == ("ResourceAttribute", "Dead.Arn")


def test_tags_of_the_stack_are_tags_of_its_resources() -> None:
    changes = compare(base(), desired(BASE, tags=({"Key": "team", "Value": "blue"},)))
    assert [(change.logical_id, change.details[0].attribute) for change in changes] == [
        ("Dead", "Tags"),
        ("Main", "Tags"),
    ]


def test_a_policy_is_a_change_that_touches_no_property() -> None:
    (change,) = compare(base(), desired({**BASE, "Dead": {**queue(), "DeletionPolicy": "Retain"}}))
    assert [(detail.attribute, detail.recreation) for detail in change.details] == [("DeletionPolicy", "Never")]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"Dead": {"Type": "AWS::S3::Bucket"}}, r"modifies resource type of the following resources: \[Dead\]"),
        ({"New": {"Type": "AWS::Nope::It"}}, r"Unrecognized resource types: \[AWS::Nope::It\]"),
        (
            {"Main": queue(QueueName={"Fn::GetAtt": ["Dead", "Colour"]}), "Dead": queue()},
            "does not support attribute type Colour",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(resources: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        compare(base(), desired(resources))

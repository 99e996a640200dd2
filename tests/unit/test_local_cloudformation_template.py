"""Templates are read as CloudFormation reads them, and refused in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slsdeploy.local.cloudformation import yaml_tags
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.template import Template, read, required_capabilities

PSEUDO = {"AWS::Region": "us-east-1", "AWS::StackName": "s"}
QUEUE = {"Type": "AWS::SQS::Queue"}


def a_template(given: dict[str, Any] | None = None, **sections: Any) -> Template:
    return read(json.dumps({"Resources": {"Queue": QUEUE}, **sections}), given or {}, PSEUDO)


def test_yaml_has_short_tags_and_dates_stay_text() -> None:
    text = """
    Resources:
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument: {Version: 2012-10-17}
          RoleName: !Sub "${AWS::StackName}-r"
          Path: !If [IsProd, !Ref A, !GetAtt B.Arn]
          Tags: !Split [",", !FindInMap [M, a, b]]
    """
    properties = yaml_tags.load(text)["Resources"]["Role"]["Properties"]
    assert properties == {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17"},
        "RoleName": {"Fn::Sub": "${AWS::StackName}-r"},
        "Path": {"Fn::If": ["IsProd", {"Ref": "A"}, {"Fn::GetAtt": "B.Arn"}]},
        "Tags": {"Fn::Split": [",", {"Fn::FindInMap": ["M", "a", "b"]}]},
    }


def test_resources_come_after_what_they_need() -> None:
    resources = {
        "Z": {**QUEUE, "Properties": {"QueueName": {"Fn::Sub": "${M.QueueName}"}}},
        "M": {**QUEUE, "DependsOn": ["A"]},
        "A": QUEUE,
    }
    template = a_template(Resources=resources)
    assert list(template.resources) == ["A", "M", "Z"]
    assert template.resources["Z"].depends_on == {"M"}


def test_what_a_condition_excludes_is_not_there() -> None:
    conditional: dict[str, Any] = {
        "Parameters": {"P": {"Type": "String", "Default": "no"}},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "yes"]}},
    }
    resources = {"Queue": QUEUE, "Other": {**QUEUE, "Condition": "C"}}
    outputs = {"Name": {"Condition": "C", "Value": {"Ref": "Other"}}}
    assert set(a_template(Resources=resources, Outputs=outputs, **conditional).resources) == {"Queue"}
    both = a_template({"P": "yes"}, Resources=resources, Outputs=outputs, **conditional)
    assert set(both.resources) == {"Queue", "Other"} and set(both.outputs) == {"Name"}


def test_parameters_have_their_types() -> None:
    declared = {
        "Text": {"Type": "String", "Default": 5},
        "Many": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Count": {"Type": "Number"},
    }
    template = a_template({"Count": "7"}, Parameters=declared)
    assert {name: template.values[name] for name in declared} == {"Text": "5", "Many": ["a", "b"], "Count": "7"}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"Resource": {}}, r"Invalid template property or properties \[Resource\]"),
        ({"Transform": "AWS::Serverless-2016-10-31"}, "does not run transforms"),
        ({"Resources": {"a-b": QUEUE}}, "Resource name a-b is non alphanumeric"),
        ({"Resources": {"A": {}}}, r"\[/Resources/A\] Every Resources object must contain a Type member"),
        ({"Resources": {"A": {**QUEUE, "Property": {}}}}, "Invalid template resource property 'Property'"),
        ({"Resources": {"A": {**QUEUE, "DeletionPolicy": "Keep"}}}, "Unrecognized DeletionPolicy Keep for resource A"),
        ({"Resources": {"A": {**QUEUE, "DependsOn": "B"}}}, r"Unresolved resource dependencies \[B\] in the Resources block"),
        ({"Resources": {"A": {**QUEUE, "Condition": "C"}}}, "unresolved condition dependency C"),
        ({"Outputs": {"O": {"Value": {"Ref": "X"}}}}, r"Unresolved resource dependencies \[X\] in the Outputs block"),
        ({"Resources": {"A": {**QUEUE, "DependsOn": "A"}}}, r"Circular dependency between resources: \[A\]"),
        ({"Parameters": {"P": {"Type": "String"}}}, r"Parameters: \[P\] must have values"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedValues": ["y"]}}}, "Parameter 'P' must be one of AllowedValues"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedPattern": "[0-9]+"}}}, "failed to satisfy constraint"),
        ({"Parameters": {"P": {"Type": "Number", "Default": "x"}}}, "Parameter 'P' must be a number"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "MinLength": 2}}}, "must contain between 2 and"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_awss_words(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        a_template(**sections)


def test_parameters_that_are_not_declared_are_refused() -> None:
    with pytest.raises(Refused, match=r"Parameters: \[Q\] do not exist in the template"):
        a_template({"Q": "1"})


@pytest.mark.parametrize(
    ("resource", "capabilities"),
    [
        (QUEUE, []),
        ({"Type": "AWS::IAM::Role", "Properties": {}}, ["CAPABILITY_IAM"]),
        ({"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p"}}, ["CAPABILITY_IAM"]),
        ({"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}, ["CAPABILITY_NAMED_IAM"]),
    ],
)
def test_iam_needs_to_be_acknowledged(resource: dict[str, Any], capabilities: list[str]) -> None:
    assert required_capabilities(json.dumps({"Resources": {"R": resource}})) == capabilities

"""The plan is a function of what is wanted and what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.plan import compare, describe, make_plan
from slsdeploy.steps import CreateBucket, DeployStack, RemoveStack, ResourceChange, Upload
from slsdeploy.types import Artifact, Object, Observed, StackState, Template

BUCKET = "slsdeploy-123456789012-us-east-1"
CODE = Object(BUCKET, "iris-dev/code-abc.zip", Path("code.zip"), 10)
MODEL = Object(BUCKET, "iris-dev/model-def.zip", Path("model.zip"), 20)
ARTIFACT = Artifact(objects=(CODE, MODEL), properties={}, digest="d" * 64, package="layer")
RESOURCES: dict[str, Any] = {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 128}}}
TEMPLATE = Template(
    "iris-dev", sam={}, cloudformation={"Metadata": {"a": 1}, "Resources": RESOURCES}, tags={"team": "a"}
)
NOTHING = Observed("us-east-1", BUCKET, has_bucket=False, objects=frozenset(), stack=None)
DEPLOYED = StackState("arn", "iris-dev", "CREATE_COMPLETE", TEMPLATE.cloudformation, TEMPLATE.tags)
THERE = replace(NOTHING, has_bucket=True, objects=frozenset({CODE.key, MODEL.key}), stack=DEPLOYED)


def test_an_empty_account_gets_bucket_uploads_and_stack_in_this_order() -> None:
    plan = make_plan(TEMPLATE, ARTIFACT, NOTHING)
    assert plan.steps == (CreateBucket(BUCKET), Upload(CODE), Upload(MODEL), DeployStack(TEMPLATE, is_new=True))
    assert plan.resources == (ResourceChange("Function", "AWS::Lambda::Function", "add"),)
    assert plan.changed


def test_what_is_there_already_needs_no_step() -> None:
    plan = make_plan(TEMPLATE, ARTIFACT, THERE)
    assert (plan.steps, plan.resources, plan.changed) == ((), (), False)


def test_an_archive_that_is_there_is_not_sent_again() -> None:
    changed = replace(
        TEMPLATE,
        cloudformation={
            "Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 256}}}
        },
    )
    plan = make_plan(changed, ARTIFACT, replace(THERE, objects=frozenset({MODEL.key})))
    assert plan.steps == (Upload(CODE), DeployStack(changed, is_new=False))
    assert plan.resources == (ResourceChange("Function", "AWS::Lambda::Function", "modify"),)


def test_a_change_of_tags_alone_is_deployed() -> None:
    plan = make_plan(replace(TEMPLATE, tags={"team": "b"}), ARTIFACT, THERE)
    assert plan.changed
    assert plan.resources == ()


def test_a_change_of_metadata_alone_is_not() -> None:
    assert not make_plan(
        replace(TEMPLATE, cloudformation={"Metadata": {"a": 2}, "Resources": RESOURCES}), ARTIFACT, THERE
    ).changed


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "DELETE_FAILED", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_a_broken_stack_is_removed_first(status: str) -> None:
    plan = make_plan(TEMPLATE, ARTIFACT, replace(THERE, stack=replace(DEPLOYED, status=status)))
    assert plan.steps == (RemoveStack("iris-dev"), DeployStack(TEMPLATE, is_new=True))


def test_a_stack_that_was_only_reviewed_is_created() -> None:
    reviewed = replace(DEPLOYED, status="REVIEW_IN_PROGRESS", template=None)
    assert make_plan(TEMPLATE, ARTIFACT, replace(THERE, stack=reviewed)).steps == (DeployStack(TEMPLATE, is_new=True),)


def test_compare_lists_removals_last() -> None:
    after = {"Resources": {"B": {"Type": "T"}, "C": {"Type": "T", "Properties": 2}}}
    before = {"Resources": {"A": {"Type": "T"}, "C": {"Type": "T", "Properties": 1}}}
    assert [(c.logical_id, c.action) for c in compare(before, after)] == [
        ("B", "add"),
        ("C", "modify"),
        ("A", "remove"),
    ]


def test_the_digest_is_of_what_would_be_deployed() -> None:
    one, same = make_plan(TEMPLATE, ARTIFACT, NOTHING), make_plan(TEMPLATE, ARTIFACT, THERE)
    other = make_plan(replace(TEMPLATE, tags={}), ARTIFACT, NOTHING)
    assert one.digest == same.digest != other.digest


def test_steps_are_described_for_other_programs() -> None:
    plan = make_plan(TEMPLATE, ARTIFACT, NOTHING)
    assert [describe(step) for step in plan.steps] == [
        {"type": "create-bucket", "name": BUCKET},
        {"type": "upload", "name": CODE.key, "bytes": 10},
        {"type": "upload", "name": MODEL.key, "bytes": 20},
        {"type": "create-stack", "name": "iris-dev"},
    ]
    assert describe(RemoveStack("x")) == {"type": "remove-stack", "name": "x"}

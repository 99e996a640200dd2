"""The plan is a function of what is wanted and what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.artifacts import Artifact, Object, Observed, StackState, Template
from slsdeploy.errors import ProjectError
from slsdeploy.layers import DIRECT_LIMIT, Published, SharedLayer
from slsdeploy.plan import compare, describe, make_plan
from slsdeploy.steps import CreateBucket, DeployStack, PublishLayer, RemoveStack, ResourceChange, Upload

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


LAYER = SharedLayer(f"slsdeploy-model-{'0' * 32}", "model", (), ("arm64", "x86_64"), Path("model.zip"), 20)
WITH_LAYER = replace(ARTIFACT, objects=(), layers=(LAYER,))
USES_IT: dict[str, Any] = {
    "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Layers": [{"Fn::Sub": "x:${ModelLayerVersion}"}]}},
    "Role": {"Type": "AWS::IAM::Role"},
}
LAYERED = replace(TEMPLATE, cloudformation={"Resources": USES_IT})
FUNCTION_CHANGES = ResourceChange("Function", "AWS::Lambda::Function", "modify")


def live(number: str, *numbers: int, has_object: bool = False) -> Observed:
    stack = replace(DEPLOYED, template=LAYERED.cloudformation, parameters={"ModelLayerVersion": number})
    return replace(THERE, stack=stack, layers={LAYER.name: Published(numbers, has_object)})


def test_a_layer_that_is_not_there_is_published_before_the_stack() -> None:
    plan = make_plan(LAYERED, WITH_LAYER, replace(THERE, stack=None))
    assert plan.steps == (PublishLayer(LAYER), DeployStack(LAYERED, is_new=True))
    assert describe(plan.steps[0]) == {"type": "publish-layer", "name": LAYER.name, "bytes": 20}


def test_a_layer_that_is_there_is_used_by_its_number() -> None:
    plan = make_plan(LAYERED, WITH_LAYER, replace(live("", 2, 5), stack=None))
    assert plan.steps == (DeployStack(LAYERED, is_new=True, numbers={"ModelLayerVersion": 5}),)


def test_the_number_that_the_stack_has_stays_while_it_is_there() -> None:
    assert make_plan(LAYERED, WITH_LAYER, live("2", 5, 2)).steps == ()
    gone = make_plan(LAYERED, WITH_LAYER, live("2", 5))
    assert gone.steps == (DeployStack(LAYERED, is_new=False, numbers={"ModelLayerVersion": 5}),)
    assert gone.resources == (FUNCTION_CHANGES,)


def test_a_layer_that_is_gone_is_published_although_nothing_else_changed() -> None:
    plan = make_plan(LAYERED, WITH_LAYER, live("2"))
    assert plan.steps == (PublishLayer(LAYER), DeployStack(LAYERED, is_new=False))
    assert plan.resources == (FUNCTION_CHANGES,)


def test_a_large_layer_goes_through_the_bucket_once() -> None:
    large = replace(LAYER, bytes=DIRECT_LIMIT + 1)
    artifact = replace(WITH_LAYER, layers=(large,))
    sent = Object(BUCKET, f"layers/{LAYER.name}.zip", LAYER.path, large.bytes)
    publish = PublishLayer(large, BUCKET)
    deploy = DeployStack(LAYERED, is_new=False)
    assert make_plan(LAYERED, artifact, live("2")).steps == (Upload(sent), publish, deploy)
    assert make_plan(LAYERED, artifact, live("2", has_object=True)).steps == (publish, deploy)
    assert replace(LAYER, bytes=DIRECT_LIMIT).is_direct


def test_a_zip_does_not_become_an_image_in_an_update() -> None:
    image = {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"PackageType": "Image"}}}
    wanted = replace(TEMPLATE, cloudformation={"Resources": image})
    with pytest.raises(ProjectError, match="is deployed as a zip or layers and would become an image"):
        make_plan(wanted, replace(ARTIFACT, objects=()), THERE)
    assert make_plan(wanted, replace(ARTIFACT, objects=()), replace(THERE, stack=None)).changed

"""Layers that stages share: published once, found again, published anew when they are gone, deleted with their last user."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from slsdeploy import app
from slsdeploy.errors import AwsError, DeployError
from slsdeploy.layers import DIRECT_LIMIT
from tests import wheelhouse
from tests.desk import Desk

TITLES = ["dependencies", "runtime", "model"]


def published(desk: Desk) -> list[str]:
    """Return what was published since the last look."""
    made = [call.split("-")[1] for call in desk.cloud.calls if call.startswith("publish ")]
    desk.cloud.calls.clear()
    return made


def test_another_stage_publishes_nothing_but_its_code(desk: Desk) -> None:
    first = app.up(desk.where, desk.tools)
    assert published(desk) == TITLES
    second = app.up(desk.stage("prod"), desk.tools)
    assert [call.split("-")[0] for call in desk.cloud.calls] == ["upload iris", "deploy_stack iris"]
    assert second.uploaded_bytes < 10_000 < first.uploaded_bytes
    assert (
        dict(desk.cloud.stacks["iris-prod"].parameters)
        == dict(desk.cloud.stacks["iris-dev"].parameters)
        == {"DependenciesLayerVersion": "1", "RuntimeLayerVersion": "1", "ModelLayerVersion": "1"}
    )


def test_only_a_layer_that_changed_is_published(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    published(desk)
    (desk.root / "iris.onnx").write_bytes((desk.root / "iris.onnx").read_bytes() + b"\x72\x00")  # an empty doc string
    assert app.up(desk.where, desk.tools).changed
    assert published(desk) == ["model"]


def test_a_layer_that_was_deleted_by_hand_is_published_again(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    published(desk)
    gone = next(each for each in desk.cloud.layers if "model" in each[0])
    del desk.cloud.layers[gone]
    planned = app.plan(desk.where, desk.tools)
    assert [step["type"] for step in planned.steps] == ["publish-layer", "update-stack"]
    changed = [(each["type"], each["action"]) for each in planned.resources]
    assert changed == [("AWS::Lambda::Function", "modify"), ("AWS::Lambda::Version", "modify")]
    assert app.up(desk.where, desk.tools).changed
    assert published(desk) == ["model"]
    assert desk.cloud.stacks["iris-dev"].parameters["ModelLayerVersion"] == "2"  # numbers are not used again
    assert not app.up(desk.where, desk.tools).changed


def test_a_stack_keeps_the_version_it_has_while_that_is_there(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    name = next(name for name, _ in desk.cloud.layers if "model" in name)
    desk.cloud.layers[name, 2] = "iris-other"  # another deployment published it at the same time
    assert not app.up(desk.where, desk.tools).changed
    app.up(desk.stage("prod"), desk.tools)
    assert desk.cloud.stacks["iris-prod"].parameters["ModelLayerVersion"] == "2"
    del desk.cloud.layers[name, 1]
    assert app.up(desk.where, desk.tools).changed
    assert desk.cloud.stacks["iris-dev"].parameters["ModelLayerVersion"] == "2"


def test_down_deletes_what_no_other_stage_uses_and_says_what_it_kept(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    (desk.root / "iris.onnx").write_bytes((desk.root / "iris.onnx").read_bytes() + b"\x72\x00")
    app.up(desk.stage("prod"), desk.tools)
    assert len(desk.cloud.layers) == 4
    result = app.down(desk.where, desk.tools)
    assert set(result.shared.values()) == {"iris-prod"}
    assert sorted(re.findall(r":layer:slsdeploy-([a-z]+)-", " ".join(result.shared))) == ["dependencies", "runtime"]
    assert sorted(name.split("-")[1] for name, _ in desk.cloud.layers) == ["dependencies", "model", "runtime"]
    assert not app.up(desk.stage("prod"), desk.tools).changed
    assert app.down(desk.stage("prod"), desk.tools).shared == {}
    assert desk.cloud.layers == {}


def test_what_an_up_that_failed_has_published_is_used_by_the_next_and_deleted_by_down(desk: Desk) -> None:
    desk.cloud.failing = "FunctionRole"
    with pytest.raises(DeployError):
        app.up(desk.where, desk.tools)
    assert published(desk) == TITLES
    desk.cloud.failing = ""
    app.up(desk.where, desk.tools)
    assert published(desk) == []
    app.down(desk.where, desk.tools)
    desk.cloud.failing = "FunctionRole"
    with pytest.raises(DeployError):
        app.up(desk.where, desk.tools)
    assert not app.down(desk.where, desk.tools).removed
    assert desk.cloud.layers == {}


def test_a_down_that_was_interrupted_deletes_the_layers_later(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    app.up(desk.stage("prod"), desk.tools)
    app.down(desk.where, desk.tools)
    remove = desk.cloud.remove_layers
    desk.cloud.remove_layers = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        app.down(desk.stage("prod"), desk.tools)
    assert "iris-prod" not in desk.cloud.stacks
    desk.cloud.remove_layers = remove  # type: ignore[method-assign]
    app.down(desk.stage("prod"), desk.tools)
    assert desk.cloud.layers == {}


def test_down_of_a_zip_needs_no_right_to_look_for_layers(desk: Desk) -> None:
    desk.cloud.layers_of = denied  # type: ignore[method-assign]
    app.up(desk.stage("dev", package="zip"), desk.tools)
    assert app.down(desk.stage("dev", package="zip"), desk.tools).removed
    assert desk.reporter.notes == []
    assert not app.down(desk.stage("dev", package="zip"), desk.tools).removed
    assert "whether layers of iris-dev are left cannot be seen" in desk.reporter.notes[-1]


def test_down_of_layers_is_refused_before_anything_is_deleted_without_that_right(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    desk.cloud.layers_of = denied  # type: ignore[method-assign]
    with pytest.raises(AwsError, match="not authorized"):
        app.down(desk.where, desk.tools)
    assert "iris-dev" in desk.cloud.stacks


def denied(stack: str) -> frozenset[str]:
    raise AwsError("not authorized", code="AccessDeniedException")


def interrupted(arns: frozenset[str], bucket: str) -> dict[str, str]:
    raise KeyboardInterrupt


def test_what_is_too_large_for_a_call_goes_through_the_bucket(desk: Desk, tmp_path: Path) -> None:
    blob = {"flywheel/blob.bin": random.Random(1).randbytes(DIRECT_LIMIT)}  # nothing to compress
    wheelhouse.add_wheel(tmp_path / "index", "flywheel", files=blob)
    (desk.root / "requirements.txt").write_text("flywheel\n")
    desk.cloud.failing = "FunctionRole"
    with pytest.raises(DeployError):
        app.up(desk.where, desk.tools)
    (key,) = [key for key in desk.cloud.objects if key.startswith("layers/")]
    assert f"upload {key}" in desk.cloud.calls
    assert published(desk) == TITLES
    desk.cloud.failing = ""
    desk.cloud.layers.clear()  # as if it had come to the upload only
    result = app.up(desk.where, desk.tools)
    assert f"upload {key}" not in desk.cloud.calls
    assert (published(desk), result.uploaded_bytes < DIRECT_LIMIT) == (TITLES, True)
    app.down(desk.where, desk.tools)
    assert desk.cloud.objects == {}

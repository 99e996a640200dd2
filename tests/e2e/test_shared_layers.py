"""Layers that stages share, on the local AWS: what a second stage sends, what `down` of one leaves to the other, two `up`s at once."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from slsdeploy import app, invoking, layers
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError
from slsdeploy.results.deploy import Downed, Upped
from slsdeploy.tools import Tools
from tests.fakes import FakeRegistry, FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
pytestmark = pytest.mark.e2e


class Desk:
    """A copy of samples/iris under a name of its own, and every call that was made."""

    def __init__(self, root: Path, endpoint: str) -> None:
        self.root = root
        self.calls: list[str] = []
        self.reporter = FakeReporter()
        self.tools = Tools(
            SystemShell(), self.reporter, lambda _: Aws(None, endpoint, on_call=self.calls.append), FakeRegistry()
        )

    def at(self, stage: str, **overrides: object) -> Where:
        return Where(self.root, stage, local=True, overrides=overrides)

    def up(self, stage: str = "dev", **overrides: object) -> Upped:
        self.calls.clear()
        return app.up(self.at(stage, **overrides), self.tools)

    def down(self, stage: str = "dev") -> Downed:
        return app.down(self.at(stage), self.tools)

    def answer(self, stage: str = "dev") -> Any:
        event = b'{"instances": [[7.0, 3.2, 4.7, 1.4]]}'
        return invoking.invoke(self.at(stage), self.tools, event).payload["predictions"][0]["label"]

    @property
    def published(self) -> int:
        return self.calls.count("lambda:PublishLayerVersion")


@pytest.fixture
def desk(local_aws: Any, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "iris"
    shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
    text = (root / "slsdeploy.toml").read_text().replace('"iris"', f'"{local_aws.name("iris")}"')
    (root / "slsdeploy.toml").write_text(text)
    # a model that no other test has, so that its layer is this test's alone
    (root / "iris.onnx").write_bytes((root / "iris.onnx").read_bytes() + b"\x12" + name_of(root))
    made = Desk(root, local_aws.endpoint)
    yield made
    for stage in ("dev", "prod"):
        made.down(stage)


def name_of(root: Path) -> bytes:
    """Return the field `producer_name` of a model, with a name that is the test's own."""
    name = root.parent.name.encode()[-100:]
    return bytes([len(name)]) + name


def layers_of(local_aws: Any, function: str) -> dict[str, str]:
    """Return the shared layers that a function has, as its alias has it: title -> ARN."""
    found = local_aws.client("lambda").get_function_configuration(FunctionName=function, Qualifier="live")["Layers"]
    return {each["Arn"].partition("slsdeploy-")[2].partition("-")[0]: each["Arn"] for each in found}


def version(local_aws: Any, arn: str) -> Any:
    name, _, number = arn.rpartition(":")
    return local_aws.client("lambda").get_layer_version(LayerName=name, VersionNumber=int(number))


def versions(local_aws: Any, arn: str) -> list[int]:
    name = arn.rpartition(":")[0]
    found = local_aws.client("lambda").list_layer_versions(LayerName=name.rpartition(":")[2])["LayerVersions"]
    return [each["Version"] for each in found]


def test_a_second_stage_uses_the_first_ones_layers_and_outlives_it(desk: Desk, local_aws: Any) -> None:
    first = desk.up()
    assert 1 <= desk.published <= 3  # other tests may have published some of them
    second = desk.up("prod")
    assert (desk.published, second.uploaded_bytes < 10_000) == (0, True)
    shared = layers_of(local_aws, first.function_name)
    assert shared == layers_of(local_aws, second.function_name)
    assert set(desk.down().shared) == set(shared.values())
    assert desk.answer("prod") == "versicolor"
    desk.up("prod", memory=512)
    assert (desk.published, desk.answer("prod")) == (0, "versicolor")
    assert shared["model"] not in desk.down("prod").shared
    assert versions(local_aws, shared["model"]) == []


def test_a_layer_says_what_it_is_for(desk: Desk, local_aws: Any) -> None:
    found = layers_of(local_aws, desk.up().function_name)
    said = {title: version(local_aws, arn) for title, arn in found.items()}
    assert said["model"]["Description"].startswith("published by slsdeploy for ")
    assert said["runtime"]["CompatibleArchitectures"] == ["arm64", "x86_64"]
    assert len(said["dependencies"]["CompatibleArchitectures"]) == 1
    assert said["dependencies"]["CompatibleRuntimes"] == said["runtime"]["CompatibleRuntimes"] != []
    assert all(layers.read(arn) for arn in found.values())


def test_a_new_model_publishes_its_layer_alone_and_old_versions_keep_theirs(desk: Desk, local_aws: Any) -> None:
    first = desk.up()
    before = layers_of(local_aws, first.function_name)
    (desk.root / "iris.onnx").write_bytes((desk.root / "iris.onnx").read_bytes() + b"\x32\x01x")  # its doc_string
    second = desk.up()
    after = layers_of(local_aws, second.function_name)
    assert (desk.published, [title for title in after if after[title] != before[title]]) == (1, ["model"])
    assert versions(local_aws, before["model"]) == [1]
    name, _, number = before["model"].rpartition(":")
    local_aws.client("lambda").delete_layer_version(LayerName=name, VersionNumber=int(number))
    local_aws.client("lambda").update_alias(
        FunctionName=first.function_name, Name="live", FunctionVersion=first.version
    )
    assert desk.answer() == "versicolor"  # of the version whose layer is deleted


def test_a_layer_that_was_deleted_by_hand_is_published_again(desk: Desk, local_aws: Any) -> None:
    first = desk.up()
    name, _, number = layers_of(local_aws, first.function_name)["model"].rpartition(":")
    local_aws.client("lambda").delete_layer_version(LayerName=name, VersionNumber=int(number))
    assert desk.answer() == "versicolor"  # Lambda keeps what functions use
    again = desk.up()
    assert (again.changed, desk.published) == (True, 1)
    assert layers_of(local_aws, first.function_name)["model"] == f"{name}:{int(number) + 1}"
    assert (int(again.version), desk.answer(), desk.up().changed) == (int(first.version) + 1, "versicolor", False)
    former = local_aws.client("lambda").get_function_configuration(
        FunctionName=first.function_name, Qualifier=first.version
    )
    assert str(former["Layers"]).count(f"{name}:{number}") == 1  # as it was: to go back to


def test_what_another_published_under_a_layers_name_is_not_used(desk: Desk, local_aws: Any) -> None:
    first = desk.up()
    ours = layers_of(local_aws, first.function_name)["model"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("models/iris/iris.onnx", "another")
    name, _, number = ours.rpartition(":")
    local_aws.client("lambda").publish_layer_version(
        LayerName=name.rpartition(":")[2], Content={"ZipFile": content.getvalue()}
    )
    assert not desk.up().changed
    assert "lambda:GetLayerVersion" not in desk.calls
    assert desk.up("prod").changed
    assert (desk.published, layers_of(local_aws, desk.up("prod").function_name)["model"]) == (0, ours)
    local_aws.client("lambda").delete_layer_version(LayerName=name, VersionNumber=int(number))
    assert desk.up().changed
    assert layers_of(local_aws, first.function_name)["model"] == f"{name}:{int(number) + 2}"
    local_aws.client("lambda").delete_layer_version(LayerName=name, VersionNumber=int(number) + 1)


def test_two_stages_that_publish_the_same_layer_at_once_both_succeed(desk: Desk, local_aws: Any) -> None:
    argv = [sys.executable, "-m", "slsdeploy", "up", str(desk.root), "--local", "--json", "--stage"]
    running = [
        subprocess.Popen([*argv, stage], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for stage in ("dev", "prod")
    ]
    for process in running:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, out + err
    assert [desk.answer(stage) for stage in ("dev", "prod")] == ["versicolor"] * 2
    assert not desk.up().changed
    assert not desk.up("prod").changed


def test_a_stack_with_layers_of_its_own_is_updated_to_shared_ones(desk: Desk, local_aws: Any) -> None:
    """As an earlier slsdeploy deployed it."""
    stack = desk.up().stack
    formation = local_aws.client("cloudformation")
    template = formation.get_template(StackName=stack)["TemplateBody"]
    bucket = next(
        each["Name"] for each in local_aws.client("s3").list_buckets()["Buckets"] if each["Name"].startswith("slsdep")
    )
    key = f"{stack}/model-old.zip"
    archive = next((desk.root / ".slsdeploy/dev-local/bundle/archives").glob("model-*.zip"))
    local_aws.client("s3").put_object(Bucket=bucket, Key=key, Body=archive.read_bytes())
    old = {"LayerName": f"{stack}-model", "Content": {"S3Bucket": bucket, "S3Key": key}}
    template["Resources"]["ModelLayer0"] = {"Type": "AWS::Lambda::LayerVersion", "Properties": old}
    template["Resources"]["Function"]["Properties"]["Layers"][-1] = {"Ref": "ModelLayer0"}
    del template["Parameters"]["ModelLayerVersion"]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Version":
            del resource["Properties"]["Description"]
    kept = [
        {"ParameterKey": name, "UsePreviousValue": True} for name in ("DependenciesLayerVersion", "RuntimeLayerVersion")
    ]
    assert local_aws.update(stack, template, Parameters=kept).status == "UPDATE_COMPLETE"
    assert f":layer:{stack}-model:1" in str(local_aws.client("lambda").get_function(FunctionName=stack))
    result = desk.up()
    assert (result.changed, desk.answer()) == (True, "versicolor")
    assert layers.read(layers_of(local_aws, stack)["model"])
    assert local_aws.client("lambda").list_layer_versions(LayerName=f"{stack}-model")["LayerVersions"] == []


def test_the_content_of_a_layer_is_where_lambda_says(desk: Desk, local_aws: Any) -> None:
    found = layers_of(local_aws, desk.up().function_name)["runtime"]
    content = version(local_aws, found)["Content"]
    whole = urllib3.request("GET", content["Location"])
    assert (whole.status, len(whole.data)) == (200, content["CodeSize"])
    end = urllib3.request("GET", content["Location"], headers={"Range": "bytes=-100"})
    assert (end.status, end.data) == (206, whole.data[-100:])
    assert (
        end.headers["content-range"]
        == f"bytes {content['CodeSize'] - 100}-{content['CodeSize'] - 1}/{content['CodeSize']}"
    )


def zipped(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_a_layer_of_others_is_measured_pinned_and_below_ours(desk: Desk, local_aws: Any) -> None:
    name = local_aws.name("fonts")
    # its second file is one of ours: ours is what counts
    content = zipped({"words.txt": "found" * 1000, "python/slsdeploy_runtime/app.py": "raise ImportError('theirs')"})
    made = local_aws.client("lambda").publish_layer_version(
        LayerName=name.rpartition(":")[2], Content={"ZipFile": content}
    )
    toml = desk.root / "slsdeploy.toml"
    without = toml.read_text()
    toml.write_text(f'layers = ["{made["LayerVersionArn"]}"]\n{without}')
    (desk.root / "handler.py").write_text(
        "import sys\nfrom pathlib import Path\n\n\ndef postprocess(outputs):\n"
        "    files = [Path(folder).parent / 'words.txt' for folder in sys.path if folder.endswith('/python')]\n"
        "    return {'found': [len(file.read_text()) for file in files if file.exists()]}\n"
    )
    result = desk.up()
    assert desk.calls[0] == "lambda:GetLayerVersion"  # others may follow, for those of ours that are there already
    pinned = (desk.root / ".slsdeploy/dev-local/slsdeploy.lock").read_text()
    assert "unzipped_bytes = 5027" in pinned and "[[layer]]" not in (desk.root / "slsdeploy.lock").read_text()
    event = b'{"instances": [[7.0, 3.2, 4.7, 1.4]]}'
    assert invoking.invoke(desk.at("dev"), desk.tools, event).payload == {"found": [5000]}
    assert layers_of(local_aws, result.function_name).keys() >= {"dependencies", "runtime", "model"}
    assert (desk.up().changed, desk.calls.count("lambda:GetLayerVersion")) == (False, 0)
    desk.down()
    assert versions(local_aws, made["LayerVersionArn"]) == [1]  # not ours to delete


def test_what_is_too_much_for_lambda_is_refused_in_its_words(local_aws: Any) -> None:
    client = local_aws.client("lambda")
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("zeros", bytes(262_144_000))
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="must be smaller than 262144000 bytes"):
        client.publish_layer_version(LayerName=local_aws.name("large"), Content={"ZipFile": large.getvalue()})


def test_a_layer_that_the_local_aws_does_not_have_is_said(desk: Desk) -> None:
    toml = desk.root / "slsdeploy.toml"
    arn = "arn:aws:lambda:us-east-1:210987654321:layer:fonts:7"
    toml.write_text(f'layers = ["{arn}"]\n{toml.read_text()}')
    with pytest.raises(ProjectError, match=f"the local AWS has no layer {arn}") as raised:
        desk.up()
    assert "publish-layer-version" in raised.value.hint

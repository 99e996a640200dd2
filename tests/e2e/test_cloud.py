"""One contract for the account in memory that tests use and for the real client on the local AWS."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import layers
from slsdeploy.artifacts import Artifact, Object, Template
from slsdeploy.effects.aws import Aws
from slsdeploy.errors import AwsError, DeployError, ToolError
from slsdeploy.layers import DIRECT_LIMIT, Published, SharedLayer
from slsdeploy.plan import make_plan
from slsdeploy.tools import Cloud
from slsdeploy.types import S3Object
from tests.fakes import FakeCloud, FakeTask
from tests.runtime import s3_server

pytestmark = pytest.mark.e2e

QUEUE = {"Type": "AWS::SQS::Queue", "Metadata": {"slsdeploy": {"data": True}}, "DeletionPolicy": "RetainExceptOnCreate"}
# Refused by Lambda: its code is nowhere.
BROKEN = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Runtime": "python3.13",
        "Handler": "a.b",
        "Role": "arn:aws:iam::123456789012:role/none",
        "Code": {"S3Bucket": "nowhere-at-all", "S3Key": "nothing"},
    },
}


@pytest.fixture(params=["fake", "local"])
def cloud(request: pytest.FixtureRequest, local_aws: Any) -> Cloud:
    return FakeCloud(failing="Broken") if request.param == "fake" else Aws("us-east-1", local_aws.endpoint)


def template(stack: str, **resources: Any) -> Template:
    wanted = {"Resources": {"Queue": QUEUE, **resources}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
    return Template(stack, sam={}, cloudformation=wanted, tags={"slsdeploy:name": "a"})


def drain(events: Any) -> list[str]:
    return [event.logical_id for event in events if event.status.endswith("COMPLETE")]


def test_a_stack_comes_is_seen_and_goes(cloud: Cloud, local_aws: Any) -> None:
    stack = local_aws.name("contract")
    assert cloud.observe(stack).stack is None
    assert cloud.stack_state(stack) is None
    wanted = template(stack)
    assert "Queue" in drain(cloud.deploy_stack(wanted, is_new=True, numbers={}))
    state = cloud.observe(stack).stack
    assert state is not None
    assert (state.name, state.status, dict(state.tags)) == (stack, "CREATE_COMPLETE", dict(wanted.tags))
    assert state.template == wanted.cloudformation
    assert set(state.outputs) == {"Url"}
    assert [kind for kind, _ in cloud.data_resources(state).values()] == ["AWS::SQS::Queue"]
    drain(cloud.delete_stack(stack))
    assert cloud.stack_state(stack) is None


def test_what_is_deployed_needs_no_step(cloud: Cloud, local_aws: Any) -> None:
    stack = local_aws.name("contract")
    wanted, nothing = template(stack), Artifact((), {}, "d", "zip")
    drain(cloud.deploy_stack(wanted, is_new=True, numbers={}))
    assert make_plan(wanted, nothing, cloud.observe(stack)).resources == ()
    drain(cloud.delete_stack(stack))


def test_a_failure_names_the_resource_and_leaves_nothing(cloud: Cloud, local_aws: Any) -> None:
    stack = local_aws.name("contract")
    with pytest.raises(DeployError, match=r"^Broken \(AWS::Lambda::Function\) failed: "):
        drain(cloud.deploy_stack(template(stack, Broken=BROKEN), is_new=True, numbers={}))
    assert cloud.stack_state(stack) is None


def test_objects_are_there_once_uploaded_and_gone_once_deleted(cloud: Cloud, local_aws: Any, tmp_path: Path) -> None:
    stack = local_aws.name("contract")
    observed = cloud.observe(stack)
    if not observed.has_bucket:
        cloud.create_bucket(observed.bucket)
    for size in (10, 9 * 1024 * 1024):
        path = tmp_path / "part.zip"
        path.write_bytes(b"x" * size)
        task = FakeTask()
        item = Object(observed.bucket, f"{stack}/part-{size}.zip", path, size)
        cloud.upload(item, task)
        assert task.amount == size
        assert cloud.observe(stack).objects == {item.key}
        cloud.delete_objects(observed.bucket, frozenset({item.key}))
        assert cloud.observe(stack).objects == frozenset()


def test_refusals_of_aws_are_ours(local_aws: Any) -> None:
    aws = Aws("us-east-1", local_aws.endpoint)
    with pytest.raises(AwsError) as caught:
        aws.invoke("no-such-function", "live", b"{}")
    assert caught.value.code == "ResourceNotFoundException"
    assert caught.value.where == "lambda:Invoke"


def test_an_endpoint_that_is_gone_says_what_to_do() -> None:
    with pytest.raises(ToolError, match="has gone away"):
        Aws("us-east-1", "http://127.0.0.1:9").observe("iris-dev")


def test_every_call_is_told(local_aws: Any) -> None:
    calls: list[str] = []
    Aws("us-east-1", local_aws.endpoint, on_call=calls.append).observe("none-dev")
    assert calls[:3] == ["cloudformation:DescribeStacks", "sts:GetCallerIdentity", "s3:ListObjectsV2"]


def put(cloud: Cloud, local_aws: Any, bucket: str, content: bytes, version: str) -> None:
    """Put an object of the user's; `version` is what the account in memory calls it."""
    if isinstance(cloud, FakeCloud):
        cloud.put(bucket, "a b/ü.onnx", content, version)
        return
    s3 = local_aws.client("s3")
    if bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket)
        if version:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="a b/ü.onnx", Body=content)


@pytest.mark.parametrize("version", ["", "v1"])
def test_an_object_is_found_and_fetched_as_it_was(cloud: Cloud, local_aws: Any, tmp_path: Path, version: str) -> None:
    bucket, key = local_aws.name("weights"), "a b/ü.onnx"
    assert cloud.find_object(bucket, key) is None
    put(cloud, local_aws, bucket, b"first" * 1000, version)
    first = cloud.find_object(bucket, key)
    assert first is not None
    assert (first.bytes, bool(first.version), first.etag.startswith('"')) == (5000, bool(version), True)
    assert cloud.bucket_region(bucket) == "us-east-1"
    put(cloud, local_aws, bucket, b"second", version and "v2")
    second = cloud.find_object(bucket, key)
    assert second is not None and second != first
    task = FakeTask()
    cloud.download(second, tmp_path / "second", task)
    assert ((tmp_path / "second").read_bytes(), task.amount) == (b"second", 6)
    assert cloud.find_object(bucket, key, version and first.version) == (first if version else second)
    if version:
        cloud.download(first, tmp_path / "first", task)
        assert (tmp_path / "first").read_bytes() == b"first" * 1000
    assert cloud.find_object(bucket, "none") is None
    assert cloud.find_object(bucket, key, "never") is None


def test_an_object_that_changed_while_it_was_fetched_is_refused(local_aws: Any, tmp_path: Path) -> None:
    cloud, bucket = Aws("us-east-1", local_aws.endpoint), local_aws.name("weights")
    put(cloud, local_aws, bucket, b"first", "")
    first = cloud.find_object(bucket, "a b/ü.onnx")
    assert first is not None
    put(cloud, local_aws, bucket, b"second", "")
    with pytest.raises(AwsError, match="s3:GetObject") as caught:
        cloud.download(first, tmp_path / "first", FakeTask())
    assert caught.value.code in ("412", "PreconditionFailed")


def test_a_download_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    with s3_server.running() as s3:
        content = b"0123456789" * 1000
        etag = s3.put("weights/m.onnx", content)
        s3.faults.cuts.extend([2500, 2500])
        cloud = Aws("us-east-1", s3.endpoint)
        task = FakeTask()
        cloud.download(S3Object("weights", "m.onnx", "", etag, len(content)), tmp_path / "m.onnx", task)
        assert ((tmp_path / "m.onnx").read_bytes(), task.amount) == (content, len(content))
        assert len(s3.asked) == 3


def test_a_layer_of_another_content_is_not_taken_for_its_name(cloud: Cloud, local_aws: Any, tmp_path: Path) -> None:
    ours, other = (tmp_path / name for name in ("ours.zip", "other.zip"))
    for path in (ours, other):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("python/a.py", f"{path.name} {local_aws.name()}")
    named = f"slsdeploy-runtime-{sha256(ours.read_bytes()).hexdigest()[:32]}"
    layer = SharedLayer(named, "runtime", (), ("arm64", "x86_64"), ours, ours.stat().st_size)
    stack = local_aws.name("contract")
    assert cloud.publish_layer(replace(layer, path=other), "", stack, FakeTask()) == 1
    assert cloud.observe(stack, layers=[layer]).layers == {named: Published()}
    assert cloud.publish_layer(layer, "", stack, FakeTask()) == 2
    assert cloud.publish_layer(replace(layer, path=other), "", stack, FakeTask()) == 3
    assert cloud.observe(stack, layers=[layer]).layers == {named: Published((2,))}


def test_a_layer_is_published_seen_and_removed(cloud: Cloud, local_aws: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("models/iris/iris.onnx", local_aws.name())
    named = f"slsdeploy-model-{sha256(path.read_bytes()).hexdigest()[:32]}"
    layer = SharedLayer(named, "model", (), ("arm64", "x86_64"), path, path.stat().st_size)
    stack = local_aws.name("contract")
    bucket = cloud.observe(stack, layers=[layer]).bucket
    assert cloud.observe(stack, layers=[layer]).layers == {layer.name: Published()}
    task = FakeTask()
    assert (cloud.publish_layer(layer, "", stack, task), task.amount) == (1, layer.bytes)
    if not cloud.observe(stack).has_bucket:
        cloud.create_bucket(bucket)
    large = replace(layer, bytes=DIRECT_LIMIT + 1)
    assert cloud.observe(stack, layers=[large]).layers == {layer.name: Published((1,), False)}
    cloud.upload(Object(bucket, layer.key, path, layer.bytes), FakeTask())
    assert cloud.publish_layer(layer, bucket, stack, FakeTask()) == 2
    assert cloud.observe(stack, layers=[layer]).layers[layer.name].numbers == (2, 1)
    (newest,) = (arn for arn in cloud.layers_of(stack) if arn.endswith(":2"))
    assert layers.read(newest) == (layer.name, 2)
    both = frozenset({newest, f"{newest[:-1]}1"})
    assert cloud.remove_layers(both, bucket) == {}
    assert cloud.remove_layers(both, bucket) == {}  # gone already
    assert (cloud.observe(stack, layers=[large]).layers, cloud.layers_of(stack)) == (
        {layer.name: Published()},
        frozenset(),
    )
    assert cloud.publish_layer(layer, "", stack, FakeTask()) == 3
    cloud.remove_layers(cloud.layers_of(stack), bucket)

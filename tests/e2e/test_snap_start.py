"""SnapStart from the template to the answer: through CloudFormation of the local AWS, with the client that `invoke` uses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.effects.aws import Aws
from slsdeploy.errors import AwsError
from tests.e2e.conftest import REGION, LocalAws
from tests.e2e.test_samples import slsdeploy

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "samples"

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ANSWER = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"

# Its hook of before the snapshot rotates the secret, as somebody else would hours later.
ROTATED = """
import os
import boto3
from snapshot_restore_py import register_after_restore, register_before_snapshot

seen = [os.environ["KEY"]]

@register_before_snapshot
def rotate():
    boto3.client("ssm").put_parameter(Name="/{name}", Value="new", Type="SecureString", Overwrite=True)

@register_after_restore
def look():
    seen.append(os.environ["KEY"])

def postprocess(outputs):
    return [*seen, os.environ["KEY"]]
"""


def template(code: str, version: str, **settings: Any) -> dict[str, Any]:
    function = {
        "FunctionName": {"Ref": "AWS::StackName"},
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": code},
        **settings,
    }
    alias = {
        "FunctionName": {"Ref": "Function"},
        "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
        "Name": "live",
    }
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            version: {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        }
    }


def test_a_restore_is_a_cold_start_and_the_setting_can_be_taken_back(local_aws: LocalAws) -> None:
    name, aws = local_aws.name("snap"), Aws(REGION, local_aws.endpoint)
    with_it = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
    assert local_aws.deploy(name, template(ANSWER, "One", **with_it)).status == "CREATE_COMPLETE"
    cold, warm = aws.invoke(name, "live", b"{}"), aws.invoke(name, "live", b"{}")
    assert cold.payload == warm.payload == b'"snap-start"'
    assert cold.init_ms is not None and warm.init_ms is None
    assert 0 < cold.init_ms < 5000
    assert local_aws.update(name, template(ANSWER, "Two")).status == "UPDATE_COMPLETE"
    assert aws.invoke(name, "live", b"{}").payload == b'"on-demand"'
    configuration = local_aws.client("lambda").get_function_configuration(FunctionName=name, Qualifier="live")
    assert configuration["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}


def test_a_sample_is_restored_with_what_was_rotated_meanwhile(
    local_aws: LocalAws, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    project = tmp_path / "iris"
    shutil.copytree(SAMPLES / "iris", project, ignore=shutil.ignore_patterns(".slsdeploy"))
    name, ssm = local_aws.name("iris"), local_aws.client("ssm")
    ssm.put_parameter(Name=f"/{name}", Value="old", Type="SecureString")
    (project / "slsdeploy.toml").write_text(
        f'name = "{name}"\nmodel = "iris.onnx"\nsnap_start = true\nsecrets = {{KEY = "ssm:/{name}"}}\n'
    )
    (project / "handler.py").write_text(ROTATED.format(name=name))
    up = slsdeploy("up", str(project), "--local")
    answer = slsdeploy("invoke", str(project), "--local")
    # the secret as the module was imported with it, and as it is for the user's own hook and for requests
    assert answer["payload"] == ["old", "new", "new"]
    log = eventually(lambda: lines(local_aws, f"/aws/lambda/{up['function_name']}"))
    (metrics,) = (json.loads(line) for line in log if '"ColdStart"' in line)
    assert metrics["RestoreTime"][0] > 0 and "ModelLoadTime" not in metrics


def test_a_hook_that_fails_after_the_restore_is_named_to_the_caller(local_aws: LocalAws) -> None:
    name, aws = local_aws.name("snap"), Aws(REGION, local_aws.endpoint)
    code = "import snapshot_restore_py\nsnapshot_restore_py.register_after_restore(int, 'no number')\n" + ANSWER
    local_aws.deploy(name, template(code, "One", SnapStart={"ApplyOn": "PublishedVersions"}))
    with pytest.raises(AwsError, match="ValueError: invalid literal for int") as caught:
        aws.invoke(name, "live", b"{}")
    assert caught.value.code == "SnapStartException"


def lines(local_aws: LocalAws, group: str) -> list[str]:
    found = local_aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in found]

"""The stack of each kind of project: compared with golden/, clean for cfn-lint, as the issue of least privilege has it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import config, plugins, reach, stack
from slsdeploy.artifacts import Artifact
from slsdeploy.config.origin import read as read_origin
from slsdeploy.errors import ConfigError
from slsdeploy.layers import SharedLayer
from slsdeploy.stack import make_sam, make_template, to_yaml
from slsdeploy.types import Model, ModelInfo, PinnedFile, Project, S3Object, S3Origin, Target, Tensor, Trigger

GOLDEN = Path(__file__).parents[1] / "golden"
BUCKET = "slsdeploy-123456789012-us-east-1"
ARTIFACT = Artifact(
    objects=(),
    properties={
        "CodeUri": {"Bucket": BUCKET, "Key": "iris-dev/code-0.zip"},
        "Handler": "slsdeploy_runtime.app.handler",
        "Runtime": "python3.13",
        "Layers": [
            {
                "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:layer:slsdeploy-model-0:${ModelLayerVersion}"
            }
        ],
    },
    digest="d" * 64,
    package="layer",
    layers=(SharedLayer("slsdeploy-model-0", "model", (), ("arm64", "x86_64"), Path("model.zip"), 10),),
)
HEAD = 'name = "iris"\nmodel = "iris.onnx"\n'
CLUSTER = "arn:aws:kafka:us-east-1:123456789012:cluster/rows/751d2973-a626-431c-9d4e-d7975eb44dd7-2"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
PROJECTS = {
    "http": HEAD + '[[trigger]]\ntype = "http"\n',
    "http-public": HEAD + '[[trigger]]\ntype = "http"\nauth = "none"\n',
    "http-api": HEAD
    + '[[trigger]]\ntype = "http"\nvia = "http_api"\n'
    + 'cors = { allow_origins = ["https://www.example.com"], allow_headers = ["content-type"] }\n',
    "rest-api": "timeout = 29\n" + HEAD + '[[trigger]]\ntype = "http"\nvia = "rest_api"\n',
    "load-balancer": HEAD
    + f'[[trigger]]\ntype = "http"\nvia = "load_balancer"\nauth = "none"\nlistener = "{LISTENER}"\npath = "/iris/*"\npriority = 10\n',
    "s3": HEAD + '[[trigger]]\ntype = "s3"\n',
    "sqs": HEAD + '[[trigger]]\ntype = "sqs"\n',
    "kinesis": HEAD + '[[trigger]]\ntype = "kinesis"\n',
    "dynamodb": HEAD + '[[trigger]]\ntype = "dynamodb"\n',
    "kafka": HEAD
    + f'[[trigger]]\ntype = "kafka"\ncluster = "{CLUSTER}"\ntopics = ["rows"]\nauthentication = "IAM_AUTH"\n',
    "kafka-own": HEAD
    + '[vpc]\nsubnets = ["subnet-0123abcd"]\nsecurity_groups = ["sg-89abcdef"]\n'
    + '[[trigger]]\ntype = "kafka"\nbootstrap_servers = ["broker.example.com:9092"]\ntopics = ["rows"]\nminimum_pollers = 1\n',
    "existing": HEAD
    + '[[trigger]]\ntype = "sqs"\nqueue = "arn:aws:sqs:us-east-1:123456789012:rows"\n'
    + '[[trigger]]\ntype = "kinesis"\nstream = "arn:aws:kinesis:us-east-1:123456789012:stream/rows"\non_failure = "arn:aws:s3:::lost"\n',
    "idempotent": HEAD
    + 'idempotent = { expires_after_seconds = 3600 }\n[[trigger]]\ntype = "http"\n[[trigger]]\ntype = "sqs"\n',
    "snap-start": HEAD + "snap_start = true\n",
    "s3-models": 'name = "two"\n[models.big]\npath = "s3://weights/a b/$1*.onnx"\n[models.old]\npath = "s3://weights/old.onnx"\n',
    "file-system": 'name = "iris"\nmodel = "efs:/mnt/models/iris/1.onnx"\n'
    '[vpc]\nsubnets = ["subnet-0123abcd", "subnet-4567abcd"]\nsecurity_groups = ["sg-89abcdef"]\n'
    '[file_system]\narn = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"\n',
    "everything": HEAD
    + 'memory = 512\nephemeral_storage = 1024\nenvironment = {GREETING = "hello"}\nlog_retention = 7\n'
    + 'secrets = {KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-abc", PARAMETER = "ssm:/a/b"}\n'
    + '[[trigger]]\ntype = "http"\n[[trigger]]\ntype = "s3"\noutput_bucket = "results-of-iris"\n'
    + '[[trigger]]\ntype = "sqs"\nqueue = "one.fifo"\n[[trigger]]\ntype = "sqs"\noutput = "bucket"\nmaximum_concurrency = 5\n',
    "sns": HEAD + '[[trigger]]\ntype = "sns"\nfilter_policy = {kind = ["row"]}\n',
    "eventbridge": HEAD + '[[trigger]]\ntype = "eventbridge"\nbus = "flowers"\npattern = {source = ["com.flowers"]}\n',
    "schedule": HEAD
    + '[[trigger]]\ntype = "schedule"\nexpression = "rate(5 minutes)"\ninput = {instances = [[1, 2, 3, 4]]}\n',
    "stepfunctions": HEAD + '[[trigger]]\ntype = "stepfunctions"\n',
    "appsync": HEAD + '[[trigger]]\ntype = "appsync"\nauth = "api_key"\n',
    "s3-sqs": HEAD + '[[trigger]]\ntype = "s3"\nvia = "sqs"\nsuffix = ".png"\n',
    "s3-sns": HEAD + '[[trigger]]\ntype = "s3"\nvia = "sns"\n',
    "s3-eventbridge": HEAD + '[[trigger]]\ntype = "s3"\nvia = "eventbridge"\nsuffix = ".png"\n',
    "output-sqs": HEAD + '[output]\ntype = "sqs"\nqueue = "answers.fifo"\n[[trigger]]\ntype = "sqs"\n',
    "output-s3": HEAD
    + '[output]\ntype = "s3"\nbucket = "arn:aws:s3:::answers"\nprefix = "iris/"\n[[trigger]]\ntype = "s3"\n',
    "output-sns": HEAD + '[output]\ntype = "sns"\n[[trigger]]\ntype = "kinesis"\n',
    "output-eventbridge": HEAD + '[output]\ntype = "eventbridge"\nbus = "answers"\n[[trigger]]\ntype = "sns"\n',
    "output-dynamodb": HEAD
    + '[output]\ntype = "dynamodb"\nexpire_after_days = 30\n[[trigger]]\ntype = "schedule"\nexpression = "rate(1 day)"\n',
    "pushed": HEAD + "".join(f'[[trigger]]\ntype = "{each}"\n' for each in ("s3", "sns", "eventbridge", "schedule")),
}
SERVED = ModelInfo(
    format="onnx",
    inputs=(Tensor("measurements", "FP32", (-1, 4)),),
    outputs=(Tensor("label", "BYTES", (-1,)), Tensor("probabilities", "FP32", (-1, 3))),
    bytes=1,
    operators=(),
    opset=17,
    digest="5" * 64,
    files=(),
    batch=-1,
)


def project(text: str, folder: Path) -> Project:
    (folder / config.FILE).write_text(text)
    loaded, stage = config.load(folder, stage=None, overrides={}, environ={})
    sources = plugins.event_sources()
    triggers, seen = [], set[str]()
    for options in loaded.trigger:
        name = f"{options.type.capitalize()}Trigger" + ("2" if options.type in seen else "")
        seen.add(options.type)
        triggers.append(Trigger(sources[options.type].__name__, options, name))
    target = Target(loaded.python, loaded.architecture, "aarch64-manylinux_2_34")
    models = tuple(pinned(name, found) for name, found in loaded.models.items()) or (
        Model("iris", folder / "iris.onnx"),
    )
    return Project(
        folder, loaded, stage, local=False, target=target, models=models, handler=None, triggers=tuple(triggers)
    )


def pinned(name: str, found: config.ModelConfig) -> Model:
    """Pin a model in S3: two files in a bucket with versions, or one in a bucket without."""
    origin = read_origin(found.path)
    assert isinstance(origin, S3Origin)
    is_versioned = name == "big"
    keys = [origin.key, "a b/weights.bin"] if is_versioned else [origin.key]
    objects = [S3Object(origin.bucket, key, "v1" if is_versioned else "", '"e"', 5) for key in keys]
    files = tuple(PinnedFile(item.key.rpartition("/")[2], item, "0" * 64) for item in objects)
    return Model(name, Path("cache") / name, origin=replace(origin, region="us-east-1", files=files))


@pytest.mark.parametrize("kind", PROJECTS)
def test_the_template_is_the_golden_one(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    of = project(PROJECTS[kind], tmp_path)
    made = to_yaml(make_sam(of, ARTIFACT, [SERVED] * len(of.models)))
    golden = GOLDEN / f"{kind}.yaml"
    if request.config.getoption("--update-golden"):
        golden.write_text(made)
    assert made == golden.read_text()


def test_cfn_lint_finds_nothing_in_any_of_them(tmp_path: Path) -> None:
    files = [Path(__file__).parents[2] / "templates/function.yaml"]
    for kind, text in PROJECTS.items():
        of = project(text, tmp_path)
        template = make_template(of, ARTIFACT, "us-east-1", [SERVED] * len(of.models))
        for form, content in (("sam", template.sam), ("cloudformation", template.cloudformation)):
            file = tmp_path / f"{kind}-{form}.json"
            file.write_text(json.dumps(content))
            files.append(file)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *map(str, files)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_an_image_would_need_nothing_but_its_artifact(tmp_path: Path) -> None:
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/slsdeploy@sha256:" + "0" * 64
    image = Artifact((), {"PackageType": "Image", "ImageUri": uri}, "d" * 64, "image")
    template = make_template(project(PROJECTS["http"], tmp_path), image, "us-east-1")
    (function,) = of_type(dict(template.cloudformation["Resources"]), "AWS::Lambda::Function")
    assert (function["PackageType"], function["Code"]) == ("Image", {"ImageUri": uri})
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html: of zips only
    assert not {"Handler", "Runtime", "Layers"} & set(function)
    file = tmp_path / "image.json"
    file.write_text(json.dumps(template.cloudformation))
    lint = [str(Path(sys.executable).with_name("cfn-lint")), str(file)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_a_url_is_private_unless_the_project_says_otherwise(tmp_path: Path) -> None:
    private = make_template(project(PROJECTS["http"], tmp_path), ARTIFACT, "us-east-1").cloudformation["Resources"]
    public = make_template(project(PROJECTS["http-public"], tmp_path), ARTIFACT, "us-east-1").cloudformation[
        "Resources"
    ]
    assert of_type(private, "AWS::Lambda::Url")[0]["AuthType"] == "AWS_IAM"
    assert of_type(private, "AWS::Lambda::Permission") == []
    assert of_type(public, "AWS::Lambda::Url")[0]["AuthType"] == "NONE"
    # since October 2025 a public URL needs both: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    assert {permission["Action"] for permission in of_type(public, "AWS::Lambda::Permission")} == {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
    }


def statements(kind: str, folder: Path) -> list[dict[str, Any]]:
    resources = make_template(project(PROJECTS[kind], folder), ARTIFACT, "us-east-1").cloudformation["Resources"]
    documents = [
        policy["PolicyDocument"] for role in of_type(resources, "AWS::IAM::Role") for policy in role["Policies"]
    ]
    documents += [policy["PolicyDocument"] for policy in of_type(resources, "AWS::IAM::Policy")]
    return [statement for document in documents for statement in document["Statement"]]


@pytest.mark.parametrize("kind", PROJECTS)
def test_no_statement_has_a_wildcard_action_or_resource(kind: str, tmp_path: Path) -> None:
    found = statements(kind, tmp_path)
    assert len(found) > (6 if kind == "everything" else 0)
    for statement in found:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions)
        # what lists networks takes no other resource, and may only be called by Lambda: a statement denies it to the function's code
        is_lambdas_own = statement.get("Sid") in (
            *("FindItsNetwork", "NotByItsCode", "KafkaTriggerJoinsTheNetwork", "KafkaTriggerNotByItsCode"),
        )
        assert statement["Resource"] != "*" or is_lambdas_own


def test_the_functions_own_code_may_not_use_what_lambda_needs_for_its_network(tmp_path: Path) -> None:
    found = {statement.get("Sid"): statement for statement in statements("file-system", tmp_path)}
    lambdas = {*found["FindItsNetwork"]["Action"], *found["JoinItsNetwork"]["Action"]}
    denied = found["NotByItsCode"]
    assert (denied["Effect"], set(denied["Action"])) == ("Deny", lambdas)
    assert list(denied["Condition"]) == ["ArnEquals"] and list(denied["Condition"]["ArnEquals"]) == [
        "lambda:SourceFunctionArn"
    ]


def test_a_function_reads_just_its_models_objects(tmp_path: Path) -> None:
    found = {statement.get("Sid"): statement for statement in statements("s3-models", tmp_path)}
    assert found["ReadModelsVersions"]["Action"] == ["s3:GetObjectVersion"]
    assert [item["Fn::Sub"][1]["Object"] for item in found["ReadModelsVersions"]["Resource"]] == [
        "weights/a b/${$}1${*}.onnx",  # IAM's way to write $ and *
        "weights/a b/weights.bin",
    ]
    assert found["ReadModels"]["Action"] == ["s3:GetObject"]


@pytest.mark.parametrize(
    ("kinds", "has_table"),
    [((), False), (("http",), False), (("http", "stepfunctions", "appsync"), False), (("http", "sns"), True)],
)
def test_a_function_that_callers_wait_for_marks_nothing(
    kinds: tuple[str, ...], has_table: bool, tmp_path: Path
) -> None:
    text = HEAD + "idempotent = true\n" + "".join(f'[[trigger]]\ntype = "{kind}"\n' for kind in kinds)
    made = make_sam(project(text, tmp_path), ARTIFACT, [SERVED])
    assert ("IdempotencyTable" in made["Resources"]) == has_table
    variables = made["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert ("SLSDEPLOY_IDEMPOTENCY_TABLE" in variables) == has_table


def test_marks_are_written_to_that_table_only(tmp_path: Path) -> None:
    (found,) = [each for each in statements("idempotent", tmp_path) if each.get("Sid") == "MarksWhatIsDone"]
    assert found["Action"] == [f"dynamodb:{action}Item" for action in ("Get", "Put", "Update", "Delete")]
    assert found["Resource"] == {"Fn::GetAtt": ["IdempotencyTable", "Arn"]}


def test_only_the_local_aws_is_told_of_the_folder(tmp_path: Path) -> None:
    made = project(PROJECTS["file-system"], tmp_path)
    assert reach.LOCAL_FOLDER not in stack.variables(made)
    assert stack.variables(replace(made, local=True))[reach.LOCAL_FOLDER] == str(tmp_path / "efs")


def test_a_queue_shows_a_message_again_only_after_six_timeouts(tmp_path: Path) -> None:
    resources = make_template(
        project("timeout = 100\n" + PROJECTS["sqs"], tmp_path), ARTIFACT, "us-east-1"
    ).cloudformation["Resources"]
    assert resources["SqsTriggerQueue"]["Properties"]["VisibilityTimeout"] == 600


def test_a_visibility_timeout_too_short_for_the_function_is_refused(tmp_path: Path) -> None:
    text = "timeout = 100\n" + PROJECTS["sqs"] + "visibility_timeout = 100\n"
    with pytest.raises(ConfigError, match="at least 600"):
        make_sam(project(text, tmp_path), ARTIFACT)


def test_a_version_is_published_for_a_change_of_configuration(tmp_path: Path) -> None:
    one = make_template(project(PROJECTS["http"], tmp_path), ARTIFACT, "us-east-1").cloudformation["Resources"]
    two = make_template(project("memory = 512\n" + PROJECTS["http"], tmp_path), ARTIFACT, "us-east-1").cloudformation[
        "Resources"
    ]
    assert version(one) != version(two)


def of_type(resources: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == type]


def version(resources: dict[str, Any]) -> str:
    return next(name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")

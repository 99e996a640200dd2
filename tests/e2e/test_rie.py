"""Each sample's bundle, unchanged, in AWS's own emulator under AWS's own runtime client; its answers are those of the model in memory.

What is around the function (buckets, queues, its environment) is the local AWS's, deployed there by `up`.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from slsdeploy import config
from slsdeploy.assets import cache_dir
from slsdeploy.bundle import sample
from slsdeploy.bundle.model import inspect
from slsdeploy.effects.shell import SystemShell
from slsdeploy.interpreters import host_interpreter
from slsdeploy.local.functions.managed import ManagedRuntimes
from slsdeploy.local.functions.url_event import HttpRequest, Site, make_event
from slsdeploy.project import resolve
from slsdeploy.types import Model, Project
from slsdeploy_runtime import BadInput, Request
from slsdeploy_runtime.decode import DTYPES
from slsdeploy_runtime.encode import plain
from tests.e2e.conftest import REGION, LocalAws
from tests.e2e.emulator import Emulated, Unavailable, emulator, find_emulator
from tests.e2e.test_samples import slsdeploy

pytestmark = pytest.mark.e2e

SAMPLES = sorted(path.parent for path in Path(__file__).parents[2].glob("samples/*/slsdeploy.toml"))


@dataclass(frozen=True)
class Deployed:
    """A sample on the local AWS, and its bundle in the emulator."""

    project: Project
    outputs: Mapping[str, str]
    function: Emulated
    aws: LocalAws


@pytest.fixture(scope="session")
def rie() -> Path:
    try:
        return find_emulator()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=SAMPLES, ids=lambda path: path.name)
def deployed(request: pytest.FixtureRequest, rie: Path, local_aws: LocalAws, tmp_path: Path) -> Iterator[Deployed]:
    """Deploy a sample; build its bundle (which is there already) and start the emulator with it."""
    root = tmp_path / request.param.name
    shutil.copytree(request.param, root, ignore=shutil.ignore_patterns(".slsdeploy"))
    outputs = slsdeploy("up", str(root), "--local")["outputs"]
    bundle = Path(slsdeploy("build", str(root), "--local")["path"])
    loaded, stage = config.load(root / config.FILE, overrides={}, environ={})
    project = resolve(loaded, root, stage=stage, local=True, shell=SystemShell())
    interpreter = project.target.interpreter or host_interpreter()
    runtime = ManagedRuntimes(cache_dir() / "local", SystemShell()).folder(interpreter)
    if not (runtime / "awslambdaric").is_dir():
        pytest.skip(f"awslambdaric has no wheel for {interpreter.name} on this machine")
    client = local_aws.client("lambda")
    configured = client.get_function_configuration(FunctionName=project.stack, Qualifier="live")
    environment = {
        **configured["Environment"]["Variables"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configured["MemorySize"]),
        "AWS_ENDPOINT_URL": local_aws.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with emulator(bundle, interpreter, [runtime], environment, rie) as function:
        yield Deployed(project, outputs, function, local_aws)
    slsdeploy("down", str(root), "--local", "--delete-data")  # other tests deploy the same samples


def test_a_samples_bundle_answers_in_awss_own_emulator_as_its_model_does_in_memory(deployed: Deployed) -> None:
    project, function = deployed.project, deployed.function
    names = [model.name for model in project.models]
    assert function.ask({"slsdeploy": "ready"}) == {"ready": True, "models": names}
    for model in project.models:
        event = {"inputs": inputs_of(model), **({"model": model.name} if len(names) > 1 else {})}
        expect(function.ask(event), expected(project, model, event))
    for trigger in project.triggers:
        ask = ASKED.get(trigger.options.type)
        if ask is not None:
            answer, data = ask(deployed, trigger.options)
            expect(answer, expected(project, project.models[0], data))


def over_http(deployed: Deployed, trigger: Any) -> tuple[Any, Any]:
    data = {"inputs": inputs_of(deployed.project.models[0])}
    headers = [("Content-Type", "application/json"), ("Host", "localhost")]
    is_app = deployed.project.handler is not None and deployed.project.handler.app
    path = "/model/predict" if is_app else "/predict"  # where the sample's own application mounts our routes
    request = HttpRequest("POST", path, "", headers, json.dumps(data).encode(), "127.0.0.1")
    answer = deployed.function.ask(make_event(request, Site("a" * 32, REGION, 80), None))
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"]), data


def from_bucket(deployed: Deployed, trigger: Any) -> tuple[Any, Any]:
    bucket, s3 = deployed.outputs["Bucket"], deployed.aws.client("s3")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})  # ours is not to answer
    files = sorted((deployed.project.root / "held-out").glob(f"*{trigger.suffix}"))
    data: Any = files[0].read_bytes() if files else {"inputs": inputs_of(deployed.project.models[0])}
    key = f"{trigger.prefix}one{trigger.suffix or '.json'}"
    s3.put_object(Bucket=bucket, Key=key, Body=data if files else json.dumps(data))
    record = {"eventSource": "aws:s3", "awsRegion": REGION, "eventName": "ObjectCreated:Put"}
    where = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    deployed.function.ask({"Records": [{**record, "s3": where}]})
    found = s3.get_object(Bucket=deployed.outputs["OutputBucket"], Key=f"{trigger.output_prefix}{key}.json")
    return json.loads(found["Body"].read()), data


def from_queue(deployed: Deployed, trigger: Any) -> tuple[Any, Any]:
    data = {"inputs": inputs_of(deployed.project.models[0])}
    record = {
        "messageId": "one",
        "receiptHandle": "one",
        "body": json.dumps(data),
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": deployed.outputs["QueueArn"],
        "awsRegion": REGION,
    }
    assert deployed.function.ask({"Records": [record]}) == {"batchItemFailures": []}
    if trigger.output != "queue":
        return expected(deployed.project, deployed.project.models[0], data), data
    sqs = deployed.aws.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=deployed.outputs["OutputQueueUrl"], WaitTimeSeconds=5)["Messages"]
    answer = json.loads(message["Body"])
    assert answer.pop("message_id") == "one"
    return answer, data


ASKED = {"http": over_http, "s3": from_bucket, "sqs": from_queue}


def inputs_of(model: Model) -> dict[str, Any]:
    return sample.sample_inputs(inspect(model.path))


def expected(project: Project, model: Model, data: Any) -> Any:
    """Return what is answered to `data`: by onnxruntime from the model's file, with the sample's own functions around it."""
    handler = load(project) if project.handler else ModuleType("none")
    session = onnxruntime.InferenceSession(str(model.path))
    datatypes = {tensor.name: DTYPES[tensor.datatype] for tensor in inspect(model.path).inputs}
    try:
        if hasattr(handler, "preprocess"):
            inputs = handler.preprocess(Request(data, source="direct"))
        else:
            inputs = {name: np.asarray(value, datatypes[name]) for name, value in data["inputs"].items()}
    except BadInput as error:
        return {"error": {"type": "BadInput", "message": error.message}}
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, inputs), strict=True))
    return plain(handler.postprocess(outputs) if hasattr(handler, "postprocess") else {"outputs": outputs})


def load(project: Project) -> ModuleType:
    assert project.handler is not None
    spec = importlib.util.spec_from_file_location(f"rie_{project.root.name}", project.handler.path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expect(found: Any, wanted: Any, where: str = "answer") -> None:
    """Compare two JSON values; numbers as far as 32 bits of floating point go."""
    match wanted:
        case dict():
            assert isinstance(found, dict) and set(found) >= set(wanted), f"{where}: {found} for {wanted}"
            for key, value in wanted.items():
                expect(found[key], value, f"{where}.{key}")
        case list():
            assert isinstance(found, list) and len(found) == len(wanted), f"{where}: {found} for {wanted}"
            for index, value in enumerate(wanted):
                expect(found[index], value, f"{where}[{index}]")
        case float():
            assert math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-6), f"{where}: {found} for {wanted}"
        case _:
            assert found == wanted, where

"""A bundle's runtime in this process: the same parts as `app.py`, with AWS clients that are passed in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import boto3
import pytest
from moto import mock_aws

from slsdeploy_runtime import manifest, model, user
from slsdeploy_runtime.dispatch import Dispatch
from slsdeploy_runtime.service import Service
from slsdeploy_runtime.store import Store
from slsdeploy_runtime.telemetry import Telemetry
from tests.runtime import bundles, staged

REGION = "eu-west-1"
Serve = Callable[..., "Function"]


class Context:
    """What Lambda passes beside the event, as far as the runtime looks at it."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def __init__(self, seconds: float = 30) -> None:
        self._deadline = monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - monotonic()) * 1000)


class Function:
    """A function that answers events; `runs` counts the rows of each run of a model."""

    def __init__(self, task: Path, client: Callable[[str], Any]) -> None:
        document = manifest.read(task)
        self.telemetry = Telemetry(document.name)
        # its own, so that the time that loading took is no metric of the first event
        self.store = Store(document.models, 1, Telemetry(document.name), document.model_memory)
        self.models = self.store.models
        self.service = Service(self.models, user.load(document.handler), self.telemetry, client, "test")
        self.service.output = document.output
        self._dispatch = Dispatch(document.events, self.service)
        self.store.start()

    def __call__(self, event: Any, seconds: float = 30) -> Any:
        self.store.context = Context(seconds)
        return self._dispatch(event, self.store.context)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Write a bundle (see `bundles.write`) and start it; `environment` is what the template would set."""

    def start(
        *models: Any,
        environment: Mapping[str, str] | None = None,
        client: Callable[[str], Any] | None = None,
        **bundle: Any,
    ) -> Function:
        task = bundles.write(tmp_path / "bundle", *models, **bundle)
        monkeypatch.syspath_prepend(str(task))
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        return Function(task, client or (lambda service: boto3.client(service, region_name=REGION)))

    yield start
    sys.modules.pop("handler", None)
    model.forget()
    staged.reset()


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty AWS account in this process."""
    with mock_aws():
        yield


@pytest.fixture
def sqs(aws: None) -> Iterator[Any]:
    """A client of its queues."""
    client = boto3.client("sqs", region_name=REGION)
    yield client
    client.close()


@pytest.fixture
def answers(sqs: Any) -> str:
    """The URL of a queue for answers."""
    url: str = sqs.create_queue(QueueName="answers")["QueueUrl"]
    return url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "SLSDEPLOY_", "POWERTOOLS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def metrics(output: str) -> list[dict[str, Any]]:
    """Return the metrics (EMF) among the lines that a function wrote."""
    return [line for line in lines(output) if "_aws" in line]


def logs(output: str) -> list[dict[str, Any]]:
    """Return the log lines among the lines that a function wrote."""
    return [line for line in lines(output) if "level" in line]


def lines(output: str) -> list[dict[str, Any]]:
    """Return what a function wrote, each line as JSON."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def recorded(name: str) -> Any:
    """Return a recorded event."""
    return json.loads((Path(__file__).parents[1] / "events" / f"{name}.json").read_text(encoding="utf-8"))

"""SnapStart on the local Lambda: a published version goes through its phases, under AWS's own runtime client and under ours."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from slsdeploy.local.functions import managed, snapshots
from tests.e2e.local_lambda import Lab, eventually, local_lambda

pytestmark = pytest.mark.e2e

NUMBERS = itertools.count()
SNAP_START = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
HOOKS = """
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot

ran = []
register_before_snapshot(ran.append, "before 1")
register_before_snapshot(ran.append, "before 2")
register_after_restore(ran.append, "after 1")
register_after_restore(ran.append, "after 2")

def handler(event, context):
    import boto3
    return {"ran": ran, "env": dict(os.environ), "log": context.log_stream_name, "pid": os.getpid(),
            "account": boto3.client("sts").get_caller_identity()["Account"]}
"""
FAILING = """
from snapshot_restore_py import register_after_restore, register_before_snapshot

@register_{when}
def hook():
    {does}

def handler(event, context):
    return "answered"
"""


@pytest.fixture(scope="module", params=["awslambdaric", "ours"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A local Lambda whose functions run under AWS's own client, and one that has none of that."""
    with pytest.MonkeyPatch.context() as patch, local_lambda(tmp_path_factory.mktemp("snapshots")) as made:
        if request.param == "ours":
            patch.setattr(
                managed, "_CLIENT", "snapshot-restore-py"
            )  # which is there already: nothing more is installed
        made.create("client", "import sys\ndef handler(event, context):\n    return [*sys.modules]\n")
        assert ("slsdeploy_ric" in made.ask("client")) == (request.param == "ours")
        yield made


@pytest.fixture
def publish(lab: Lab) -> Callable[..., str]:
    """Create a function with SnapStart and publish it; return its name with the version's number behind it."""

    def create(code: str | Mapping[str, str | bytes], **options: Any) -> str:
        name = f"snapped-{next(NUMBERS)}"
        lab.create(name, code, **SNAP_START, **options)
        version = lab.client("lambda").publish_version(FunctionName=name)["Version"]
        lab.functions.changed()
        return f"{name}:{version}"

    return create


def test_hooks_run_in_lambdas_order_in_the_published_version_only(lab: Lab, publish: Callable[..., str]) -> None:
    version = publish(HOOKS)
    answer = lab.ask(version)
    assert answer["ran"] == ["before 2", "before 1", "after 1", "after 2"]
    assert answer["env"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert lab.ask(version)["pid"] == answer["pid"]
    latest = lab.ask(version.partition(":")[0])
    assert (latest["ran"], latest["env"]["AWS_LAMBDA_INITIALIZATION_TYPE"]) == ([], "on-demand")


def test_credentials_are_asked_for_and_the_log_stream_is_not_told(lab: Lab, publish: Callable[..., str]) -> None:
    answer = lab.ask(publish(HOOKS))
    assert answer["account"] and answer["log"] is None
    names = set(answer["env"])
    assert {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"} <= names
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_GROUP_NAME"} & names


def test_a_restore_is_reported_in_place_of_an_init(lab: Lab, publish: Callable[..., str]) -> None:
    version = publish(HOOKS)
    cold = lab.invoke(version, log_type="Tail").log_tail.decode()
    assert re.search(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\nRESTORE_START", cold), cold
    assert re.search(r"RESTORE_REPORT Restore Duration: [\d.]+ ms\nSTART RequestId", cold), cold
    report = next(line for line in cold.splitlines() if line.startswith("REPORT"))
    assert re.search(r"\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms\t$", report), report
    assert "\tInit Duration" not in report
    assert b"Restore" not in lab.invoke(version, log_type="Tail").log_tail


def test_the_configuration_says_whether_it_is_on(lab: Lab, publish: Callable[..., str]) -> None:
    name, _, version = publish(HOOKS).partition(":")
    client = lab.client("lambda")
    latest = client.get_function_configuration(FunctionName=name)
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    published = client.get_function_configuration(FunctionName=name, Qualifier=version)
    assert published["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    client.update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "None"})
    now = client.get_function_configuration(FunctionName=name)["SnapStart"]
    assert now == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert (
        client.get_function_configuration(FunctionName=name, Qualifier=version)["SnapStart"] == published["SnapStart"]
    )


def test_a_hook_that_fails_before_the_snapshot_is_an_init_error(lab: Lab, publish: Callable[..., str]) -> None:
    version = publish(FAILING.format(when="before_snapshot", does="raise ValueError('not now')"))
    result = lab.invoke(version, log_type="Tail")
    error = json.loads(result.payload)
    assert (result.function_error, error["errorType"]) == ("Unhandled", "ValueError")
    said = "not now (a before-snapshot hook failed: on AWS, publishing this version fails)"
    assert error["errorMessage"] == said
    assert b"Status: error\tError Type: Runtime.BeforeSnapshotError" in result.log_tail
    assert lab.ask(version.partition(":")[0]) == "answered"


def test_a_hook_that_fails_after_a_restore_fails_the_invoke_and_the_next_one_tries_again(
    lab: Lab, publish: Callable[..., str]
) -> None:
    does = "import time; time.time_ns() and int('no number')"
    version = publish(FAILING.format(when="after_restore", does=does))
    for _ in range(2):
        result = lab.invoke(version)
        assert (result.status_code, result.error_code) == (400, "SnapStartException")
        assert "runtime hook encountered an error: ValueError: invalid literal" in json.loads(result.payload)["message"]
    name = version.partition(":")[0]
    log = eventually(lambda: found if len(found := reports(lab, name)) == 2 else None)
    assert all("Status: error\tError Type: SnapStartException" in line for line in log)
    described = next(one for one in lab.functions.describe() if one["name"] == name)
    assert described["environments"] == []


@pytest.mark.parametrize(
    ("when", "does", "kind", "message"),
    [
        ("before_snapshot", "import sys; sys.exit(3)", "SystemExit", "3 (a before-snapshot hook failed"),
        ("before_snapshot", "import os; os._exit(3)", "Runtime.ExitError", "exit status 3 (initialising failed"),
        (
            "after_restore",
            "import os; os._exit(3)",
            "Runtime.ExitError",
            " Error: Runtime exited with error: exit status 3",
        ),
    ],
)
def test_a_process_that_ends_in_a_hook_is_an_error_of_its_request(
    lab: Lab, publish: Callable[..., str], when: str, does: str, kind: str, message: str
) -> None:
    result = lab.invoke(publish(FAILING.format(when=when, does=does)))
    error = json.loads(result.payload)
    assert (result.function_error, error["errorType"]) == ("Unhandled", kind)
    assert message in error["errorMessage"]


def test_restoring_has_its_own_limit(lab: Lab, publish: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "RESTORE_SECONDS", 0.3)
    result = lab.invoke(publish(FAILING.format(when="after_restore", does="import time; time.sleep(20)")))
    assert (result.status_code, result.error_code) == (408, "SnapStartTimeoutException")


def test_initialising_may_take_longer_than_ten_seconds(
    lab: Lab, publish: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slsdeploy.local.functions.environment.INIT_SECONDS", 0.2)
    slow = FAILING.format(when="before_snapshot", does="import time; time.sleep(0.6)")
    version = publish(slow)
    assert lab.ask(version) == "answered"
    monkeypatch.setattr(snapshots, "_INIT_SECONDS", 0.3)
    result = lab.invoke(publish(slow.replace("0.6", "20"), Timeout=1), log_type="Tail")
    error = json.loads(result.payload)
    assert error["errorMessage"] == "initialising took longer than 1 seconds; on AWS, publishing this version fails"
    assert b"Phase: init\tStatus: timeout" in result.log_tail


def test_a_runtime_that_knows_no_hooks_is_restored_all_the_same(lab: Lab, publish: Callable[..., str]) -> None:
    client = """
import os, urllib.request as r
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = r.urlopen(api + "next")
    r.urlopen(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", b'"answered"').read()
"""
    bootstrap = f"#!/bin/sh\nexec {os.path.realpath(sys.executable)} $LAMBDA_TASK_ROOT/client.py\n"
    version = publish({"bootstrap": bootstrap, "client.py": client}, Runtime="provided.al2023")
    assert lab.ask(version) == "answered"


def reports(lab: Lab, name: str) -> list[str]:
    return [line for line in lab.log(f"/aws/lambda/{name}") if line.startswith("RESTORE_REPORT")]

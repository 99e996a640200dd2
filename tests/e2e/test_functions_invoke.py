"""Functions run as they would on Lambda: real processes, real limits."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from slsdeploy.effects.shell import SystemShell
from slsdeploy.local.functions import InvokeCall, environment
from slsdeploy.local.functions.managed import ManagedRuntimes
from slsdeploy.local.functions.sandbox import Sandbox
from tests.e2e.local_lambda import REGION, Lab, eventually, local_lambda, zipped

pytestmark = pytest.mark.e2e

ECHO = """
import os, sys, time
print("loaded")
def handler(event, context):
    print("event", event)
    time.sleep(event.get("sleep", 0))
    return {
        "pid": os.getpid(), "env": dict(os.environ), "path": sys.path, "event": event, "id": context.aws_request_id,
        "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis(),
        "version": context.function_version, "cwd": os.getcwd(),
    }
"""
EVAL = """
def handler(event, context):
    scope = {}
    exec(event["do"], scope)
    return scope.get("answer")
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with local_lambda(tmp_path_factory.mktemp("lambda")) as made:
        made.create("echo", ECHO, Environment={"Variables": {"MINE": "1"}})
        made.create("eval", EVAL)
        yield made


def error_of(result: Any) -> dict[str, Any]:
    assert result.function_error == "Unhandled", result
    error: dict[str, Any] = json.loads(result.payload)
    return error


def test_a_warm_environment_is_used_again_and_the_cold_one_reports_its_start(lab: Lab) -> None:
    lab.create("warm", ECHO)
    cold = lab.invoke("warm", {"n": 1}, log_type="Tail")
    warm = lab.invoke("warm", {"n": 2}, log_type="Tail")
    assert json.loads(cold.payload)["pid"] == json.loads(warm.payload)["pid"]
    assert json.loads(warm.payload)["event"] == {"n": 2}
    pattern = (
        r"START RequestId: (\S+) Version: \$LATEST\nevent \{'n': 1\}\nEND RequestId: \1\n"
        r"REPORT RequestId: \1\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
        r"\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n"
    )
    assert re.search(pattern, cold.log_tail.decode()), cold.log_tail.decode()
    assert b"loaded" in cold.log_tail and b"loaded" not in warm.log_tail
    assert b"Init Duration" not in warm.log_tail
    assert cold.executed_version == "$LATEST"


def test_the_environment_is_lambdas_and_the_functions_own_and_nothing_else(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THIS_TOOL", "1")
    lab.create("bare", ECHO, Environment={"Variables": {"MINE": "1"}})
    env = lab.ask("bare")["env"]
    # Python sets the first itself; the second is there where /tmp is no mount of the function's own.
    assert set(env) - {"LC_CTYPE", "TMPDIR"} == {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
        *("AWS_EXECUTION_ENV", "AWS_ENDPOINT_URL", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_INITIALIZATION_TYPE"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING", "_X_AMZN_TRACE_ID"),
        *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_HANDLER", "TZ", "LANG", "PATH", "LD_LIBRARY_PATH", "MINE"),
    }
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert env["AWS_ENDPOINT_URL"] == lab.endpoint
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", env["AWS_LAMBDA_LOG_STREAM_NAME"])


def test_the_path_is_in_lambdas_order_and_without_this_tools_packages(lab: Lab) -> None:
    answer = lab.ask("echo")
    root, opt = answer["env"]["LAMBDA_TASK_ROOT"], "/opt" if answer["cwd"] == "/var/task" else None
    assert answer["path"][0] == root == answer["cwd"]
    if opt:
        minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
        assert answer["path"][1:4] == [f"/opt/python/lib/{minor}/site-packages", "/opt/python", "/var/runtime"]
    assert not any(folder.startswith(sys.prefix) for folder in answer["path"])


def test_a_forgotten_requirement_fails_as_on_aws(lab: Lab) -> None:
    lab.create("forgot", "import rich\ndef handler(event, context): pass\n")
    result = lab.invoke("forgot", log_type="Tail")
    assert error_of(result)["errorType"] == "Runtime.ImportModuleError"
    assert error_of(result)["errorMessage"] == "Unable to import module 'app': No module named 'rich'"
    assert b"[ERROR] Runtime.ImportModuleError: Unable to import module 'app'" in result.log_tail


def test_what_the_managed_runtime_brings_is_there(lab: Lab) -> None:
    assert lab.ask("eval", {"do": "import boto3, snapshot_restore_py; answer = boto3.__name__"}) == "boto3"
    assert lab.ask("eval", {"do": "import boto3; answer = boto3.client('sts').get_caller_identity()['Account']"})


def test_an_exception_is_an_error_and_the_environment_lives_on(lab: Lab) -> None:
    pid = lab.ask("eval", {"do": "import os; answer = os.getpid()"})
    error = error_of(lab.invoke("eval", {"do": "raise ValueError('no')"}))
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")
    assert lab.ask("eval", {"do": "import os; answer = os.getpid()"}) == pid


def test_code_cannot_be_written_to(lab: Lab) -> None:
    if lab.functions._workshop.sandbox.level == "none":
        pytest.skip("no mount namespaces here")
    for place in (
        "/var/task/app.py",
        "/var/task/new",
        "/opt/new",
        "/var/runtime/new",
        "/new",
        str(Path("~/x").expanduser()),
    ):
        error = error_of(lab.invoke("eval", {"do": f"open({place!r}, 'a').close()"}))
        assert "Read-only file system" in error["errorMessage"], place
    assert not Path("~/x").expanduser().exists()


def test_tmp_is_the_environments_own_and_no_larger_than_configured(lab: Lab) -> None:
    if lab.functions._workshop.sandbox.level == "none":
        pytest.skip("no mount namespaces here")
    lab.create("storage", EVAL, EphemeralStorage={"Size": 512})
    assert lab.ask("storage", {"do": "import os; answer = os.listdir('/tmp')"}) == []
    fill = (
        "with open('/tmp/filled-up', 'wb') as f:\n    for _ in range({}): f.write(bytes(1 << 20))\nanswer = 'written'"
    )
    assert lab.ask("storage", {"do": fill.format(500)}) == "written"
    assert "No space left" in error_of(lab.invoke("storage", {"do": fill.format(520)}))["errorMessage"]
    assert not Path("/tmp/filled-up").exists()


def test_a_task_that_takes_too_long_is_ended_and_the_next_one_is_fresh(lab: Lab) -> None:
    lab.create("slow", ECHO, Timeout=1)
    pid = lab.ask("slow")["pid"]
    result = lab.invoke("slow", {"sleep": 30}, log_type="Tail")
    error = error_of(result)
    assert error["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(r"RequestId: \S+ Error: Task timed out after 1.00 seconds", error["errorMessage"])
    assert re.search(r"\d{4}-\d\d-\d\dT[\d:.]+Z \S+ Task timed out after 1.00 seconds\n", result.log_tail.decode())
    assert not psutil.pid_exists(pid)
    again = lab.ask("slow")
    assert again["pid"] != pid and again["left"] <= 1000


def test_memory_over_the_limit_kills_the_process(lab: Lab) -> None:
    pid = lab.ask("eval", {"do": "import os; answer = os.getpid()"})
    do = "import time; x = [b'x' * (1 << 20) for _ in range(400)]; time.sleep(5)"
    result = lab.invoke("eval", {"do": do}, log_type="Tail")
    error = error_of(result)
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert b"Max Memory Used: 256 MB\tStatus: error\tError Type: Runtime.OutOfMemory" in result.log_tail
    assert lab.ask("eval", {"do": "import os; answer = os.getpid()"}) != pid


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os; os.kill(os.getpid(), 11)", "signal: segmentation fault"),
    ],
)
def test_a_crash_is_an_error_and_the_next_one_works(lab: Lab, do: str, reason: str) -> None:
    error = error_of(lab.invoke("eval", {"do": do}))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: Runtime exited with error: {reason}")
    assert lab.ask("eval", {"do": "answer = 1"}) == 1


def test_a_start_that_takes_too_long_is_begun_again_inside_the_invoke(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "INIT_SECONDS", 0.5)
    lab.create("starter", "import time\ntime.sleep(1)\ndef handler(event, context): return 'here'\n")
    result = lab.invoke("starter", log_type="Tail")
    assert result.payload == b'"here"'
    assert b"Phase: init\tStatus: timeout" in result.log_tail
    lab.create("never", "import time\ntime.sleep(60)\ndef handler(event, context): pass\n", Timeout=1)
    assert error_of(lab.invoke("never"))["errorType"] == "Sandbox.Timedout"


def test_payloads_have_lambdas_limits(lab: Lab) -> None:
    def call(size: int, kind: str) -> tuple[int, str | None]:
        payload = b'"' + b"x" * (size - 2) + b'"'
        result = lab.functions.invoke(InvokeCall(REGION, "eval", payload=payload, invocation_type=kind))
        return result.status_code, result.error_code

    assert call(6_291_457, "RequestResponse") == (413, "RequestTooLargeException")
    assert call(1_048_577, "Event") == (413, "RequestTooLargeException")
    assert lab.ask("eval", {"do": "answer = 1", "more": "x" * 6_000_000}) == 1
    assert len(lab.ask("eval", {"do": "answer = 'x' * 6_000_000"})) == 6_000_000
    error = error_of(lab.invoke("eval", {"do": "answer = 'x' * 7_000_000"}))
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "6291556 bytes" in error["errorMessage"]
    assert lab.ask("eval", {"do": "answer = 1"}) == 1


def test_what_is_no_function_or_no_json_is_refused(lab: Lab) -> None:
    missing = lab.invoke("nobody")
    assert (missing.status_code, missing.error_code) == (404, "ResourceNotFoundException")
    assert json.loads(missing.payload)["Message"].startswith(
        f"Function not found: arn:aws:lambda:{REGION}:123456789012:"
    )
    bad = lab.functions.invoke(InvokeCall(REGION, "echo", payload=b"{"))
    assert (bad.status_code, bad.error_code) == (400, "InvalidRequestContentException")
    assert lab.invoke("echo", invocation_type="DryRun").status_code == 204


def test_one_request_at_a_time_each_more_environments_then_a_queue(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_LOCAL_CONCURRENCY", "2")
    lab.create("many", ECHO)
    pids: list[int] = []
    threads = [threading.Thread(target=lambda: pids.append(lab.ask("many", {"sleep": 0.3})["pid"])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(pids) == 6 and len(set(pids)) == 2
    described = next(found for found in lab.functions.describe() if found["name"] == "many")
    environments: Any = described["environments"]
    assert {one["pid"] for one in environments} == set(pids)
    assert not any(one["busy"] for one in environments)


def test_no_reserved_concurrency_means_throttled(lab: Lab) -> None:
    lab.create("throttled", ECHO)
    lab.client("lambda").put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    lab.functions.changed()
    result = lab.invoke("throttled")
    assert (result.status_code, result.error_code) == (429, "TooManyRequestsException")


def test_idle_environments_are_retired(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.create("idle", ECHO)
    pid = lab.ask("idle")["pid"]
    monkeypatch.setenv("SLSDEPLOY_LOCAL_IDLE_SECONDS", "0.1")
    eventually(lambda: not psutil.pid_exists(pid))


def test_new_code_gets_new_environments_and_a_deleted_function_loses_them(lab: Lab) -> None:
    lab.create("changing", ECHO)
    first = lab.ask("changing")["pid"]
    lab.client("lambda").update_function_code(
        FunctionName="changing", ZipFile=zipped({"app.py": "import os\ndef handler(e, c): return os.getpid()\n"})
    )
    lab.functions.changed()
    eventually(lambda: not psutil.pid_exists(first))
    second = lab.ask("changing")
    lab.client("lambda").delete_function(FunctionName="changing")
    lab.functions.changed()
    eventually(lambda: not psutil.pid_exists(second))
    assert lab.invoke("changing").status_code == 404


def test_versions_and_aliases_are_found(lab: Lab) -> None:
    arn = lab.create("versioned", ECHO)
    client = lab.client("lambda")
    client.publish_version(FunctionName="versioned")
    client.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    lab.functions.changed()
    for name, qualifier in (("versioned", "live"), (f"{arn}:live", None), ("versioned:live", None)):
        result = lab.invoke(name, qualifier=qualifier)
        assert result.executed_version == "1"
        assert json.loads(result.payload)["arn"] == f"{arn}:live"
        assert json.loads(result.payload)["version"] == "1"


def test_layers_are_laid_over_each_other_in_order(lab: Lab) -> None:
    client = lab.client("lambda")
    layers = [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})["LayerVersionArn"]
        for name, files in (
            ("one", {"python/inlayer.py": "WHO = 'one'", "data/a": "1"}),
            ("two", {"python/inlayer.py": "WHO = 'two'", "data/b": "2"}),
        )
    ]
    code = "import inlayer, os\nD = os.path.join(os.path.dirname(os.path.dirname(inlayer.__file__)), 'data')\n"
    code += "def handler(event, context): return inlayer.WHO, sorted(os.listdir(D))\n"
    lab.create("layered", code, Layers=layers)
    assert lab.ask("layered") == ["two", ["a", "b"]]


def test_logs_land_in_the_group_even_in_a_flood(lab: Lab) -> None:
    lab.create("logger", EVAL)
    lab.ask("logger", {"do": "import sys; print('out'); print('err', file=sys.stderr); print('no newline', end='')"})
    messages = eventually(lambda: len(found := lab.log("/aws/lambda/logger")) > 5 and found)
    assert {"out\n", "err\n", "no newline\n"} <= set(messages)
    lab.ask("logger", {"do": "for n in range(60_000): print(n, 'x' * 60)"})
    eventually(lambda: any(message.startswith("59999 ") for message in lab.log("/aws/lambda/logger")))
    assert lab.ask("logger", {"do": "answer = 1"}) == 1


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running()


def test_a_process_that_leaves_takes_nobodys_log_with_it(lab: Lab) -> None:
    """Its pipe is closed, and the number of that is soon another file's."""
    lab.create(
        "leaver",
        "import os, threading\ndef handler(event, context):\n    threading.Timer(0.3, os._exit, [3]).start()\n    return os.getpid()\n",
    )
    lab.create("stayer", EVAL)
    for number in range(5):
        left = psutil.Process(lab.ask("leaver"))
        eventually(partial(_is_gone, left))
        lab.ask(
            "stayer",
            {"do": f"import time; print('before {number}', flush=True); time.sleep(0.3); print('after {number}')"},
        )
    messages = eventually(lambda: "after 4\n" in (found := lab.log("/aws/lambda/stayer")) and found)
    expected = [f"{when} {number}\n" for number in range(5) for when in ("before", "after")]
    assert [message for message in messages if message in expected] == expected


def test_a_traceback_is_one_event(lab: Lab) -> None:
    lab.create("traceback", "def handler(event, context):\n    return 1 / 0\n")
    lab.invoke("traceback")
    messages = eventually(lambda: [one for one in lab.log("/aws/lambda/traceback") if one.startswith("[ERROR]")])
    assert messages[0].startswith("[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent call last):\n")


def test_a_log_group_of_the_functions_own_choice(lab: Lab) -> None:
    lab.create("elsewhere", ECHO, LoggingConfig={"LogGroup": "/my/group"})
    assert lab.ask("elsewhere")["env"]["AWS_LAMBDA_LOG_GROUP_NAME"] == "/my/group"
    eventually(lambda: "/my/group" in str(lab.client("logs").describe_log_groups()) and lab.log("/my/group"))


def test_our_own_runtime_client_does_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where awslambdaric has no wheel (or there is no package index) ours runs, and nothing else changes."""
    monkeypatch.setattr(ManagedRuntimes, "_uv", lambda self, interpreter, packages, target: "no index")
    monkeypatch.setattr(lab.functions._workshop.managed, "_ready", {})
    monkeypatch.setattr(lab.functions._workshop.managed, "_folder", lab.functions._workshop.managed._folder / "bare")
    lab.create("plain", EVAL)
    assert lab.ask("plain", {"do": "import sys; answer = [m for m in sys.modules if m.endswith('ric')]"}) == [
        "slsdeploy_ric"
    ]
    error = error_of(lab.invoke("plain", {"do": "raise ValueError('no')"}))
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")
    assert "_exec" not in error["stackTrace"][0] and "/app.py" in error["stackTrace"][0]
    assert error_of(lab.invoke("plain", {"do": "answer = {1}"}))["errorType"] == "Runtime.MarshalError"
    lab.create("plain-forgot", "import rich\n")
    assert error_of(lab.invoke("plain-forgot"))["errorType"] == "Runtime.ImportModuleError"
    lab.create("plain-handler", "", Handler="app.nothing")
    assert error_of(lab.invoke("plain-handler"))["errorType"] == "Runtime.HandlerNotFound"
    assert any("boto3" in limit for limit in lab.functions.limits())


def test_any_runtime_client_can_sit_in_it(lab: Lab) -> None:
    """An OS-only runtime brings its own: here a shell script with nothing but Python's urllib to speak HTTP."""
    client = (
        "import os, urllib.request as r\n"
        "api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n"
        "while True:\n"
        "    event = r.urlopen(api + 'next')\n"
        "    body = b'[' + event.read() + b', 1]'\n"
        "    r.urlopen(api + event.headers['Lambda-Runtime-Aws-Request-Id'] + '/response', body).read()\n"
    )
    bootstrap = f"#!/bin/sh\nexec {os.path.realpath(sys.executable)} $LAMBDA_TASK_ROOT/client.py\n"
    lab.create("own", {"bootstrap": bootstrap, "client.py": client}, Runtime="provided.al2023", Handler="x")
    assert lab.ask("own", {"a": 1}) == [{"a": 1}, 1]


def test_embedded_metrics_become_metrics(lab: Lab) -> None:
    lab.create("metrics", EVAL)
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "mine", "Dimensions": [["who"]], "Metrics": [{"Name": "n", "Unit": "Count"}]}
            ],
        },
        "who": "me",
        "n": [1, 2],
    }
    lab.ask("metrics", {"do": f"print({json.dumps(json.dumps(line))})"})
    now = datetime.now(UTC)

    def points() -> Any:
        return lab.client("cloudwatch").get_metric_statistics(
            Namespace="mine",
            MetricName="n",
            Dimensions=[{"Name": "who", "Value": "me"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=600,
            Statistics=["Sum"],
        )["Datapoints"]

    assert eventually(points)[0]["Sum"] == 3


def test_without_mount_namespaces_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    monkeypatch.setenv("SLSDEPLOY_LOCAL_MOUNTS", "off")
    degraded = Sandbox(tmp_path, SystemShell())
    monkeypatch.setattr(lab.functions._workshop, "sandbox", degraded)
    assert any("guarded by permissions only" in limit for limit in lab.functions.limits())
    lab.create("degraded", ECHO)
    answer = lab.ask("degraded")
    root = Path(answer["env"]["LAMBDA_TASK_ROOT"])
    assert (root / "app.py").is_file() and (root.parent / "opt").is_dir()
    assert answer["path"][0] == answer["cwd"] == str(root)
    temporary = Path(answer["env"]["TMPDIR"])
    assert temporary.is_dir()
    lab.client("lambda").delete_function(FunctionName="degraded")
    lab.functions.changed()
    eventually(lambda: not temporary.exists())


def test_a_runtime_that_is_not_here_runs_on_the_hosts_python_and_that_is_said(lab: Lab) -> None:
    lab.create("future", "import sys\ndef handler(event, context): return sys.version_info[:2]\n", Runtime="python3.99")
    assert lab.ask("future") == list(sys.version_info[:2])
    assert any(limit.startswith("There is no python3.99 here") for limit in lab.functions.limits())


def test_a_web_page_cannot_take_a_functions_events(lab: Lab) -> None:
    lab.create(
        "asked",
        """
import http.client, os
def handler(event, context):
    found = []
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=5)
        connection.request("GET", "/2018-06-01/runtime/invocation/next", headers=header)
        found.append(connection.getresponse().status)
    return found
""",
    )
    assert lab.ask("asked") == [403, 403]

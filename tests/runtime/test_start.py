"""What an execution environment imports and does when it starts, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.runtime import bundles

RUNTIME = Path(__file__).parents[2] / "handlers"

# What a cold start has no time for, whatever the trigger: of what is installed here, and of the standard library's slow ones.
NEVER = {
    *("slsdeploy", "typer", "pydantic", "yaml", "rich", "moto", "onnx", "samtranslator"),
    *("aws_xray_sdk", "aws_lambda_powertools", "jmespath", "typing_extensions", "mangum", "starlette", "fastapi"),
    *(
        "asyncio",
        "ssl",
        "concurrent.futures",
        "multiprocessing",
        "unittest",
        "importlib.metadata",
        "email",
        "subprocess",
        "tempfile",
    ),
}
# What only a trigger that talks to AWS by itself may bring.
AWS = {"boto3", "botocore", "urllib3", "http.client", "socket"}
ROUTES = {"slsdeploy_runtime.routes", "slsdeploy_runtime.http_event"}
# What only a caller that asks for it brings.
SELDOM = {
    f"slsdeploy_runtime.{name}"
    for name in ("oip", "oip_binary", "oip_http", "openapi", "large", "large_http", "s3_request")
}
EVENTS = {
    "direct": [],
    "http": [bundles.event("http")],
    "s3": [bundles.event("s3")],
    "sqs": [bundles.event("sqs", output="none")],
}


def run(task: Path, script: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python as Lambda does: the task root known, the runtime on the path, nothing of this test's."""
    variables = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(task), "PYTHONPATH": str(RUNTIME)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**variables, **(environment or {})},
        cwd=task.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def modules(task: Path, script: str) -> set[str]:
    done = run(task, f"{script}\nimport sys, json; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("source", EVENTS)
def test_a_function_imports_just_what_its_triggers_need(tmp_path: Path, source: str) -> None:
    script = "import slsdeploy_runtime.aws as aws\n"
    script += "aws._clients['s3'] = None\nimport slsdeploy_runtime.app"  # its client would be the import of boto3
    found = modules(bundles.write(tmp_path / "bundle", events=EVENTS[source]), script)
    assert not found & (NEVER | AWS | SELDOM)
    assert bool(found & ROUTES) == (source == "http")
    mine = {name.rpartition(".")[2] for name in found if name.startswith("slsdeploy_runtime.events.")}
    assert mine == {"direct", source}


@pytest.mark.parametrize("source", ["direct", "http"])
def test_the_first_answer_imports_nothing_more(tmp_path: Path, source: str) -> None:
    event = {"inputs": {"x": [[1.0, 2.0]]}}
    if source == "http":
        event = json.loads((Path(__file__).parents[1] / "events" / "function_url.json").read_text())
    task = bundles.write(tmp_path / "bundle", events=EVENTS[source])
    started = modules(task, "import slsdeploy_runtime.app")
    answered = modules(
        task, f"from slsdeploy_runtime.app import handler\nassert 'error' not in handler({event!r}, None)"
    )
    assert answered == started


def test_the_wiring_half_costs_the_deployer_nothing_of_the_runtime(tmp_path: Path) -> None:
    names = sorted(path.stem for path in (RUNTIME / "slsdeploy_runtime" / "events").glob("[a-z]*.py"))
    script = "\n".join(f"import slsdeploy_runtime.events.{name}" for name in names)
    found = modules(bundles.write(tmp_path / "bundle"), script)
    assert not found & (NEVER | AWS | ROUTES | {"numpy", "onnxruntime"})


def test_a_trigger_with_a_client_makes_it_at_start(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", events=[bundles.event("s3")])
    done = run(task, "import slsdeploy_runtime.app, sys; print('boto3' in sys.modules)", {"AWS_REGION": "eu-west-1"})
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_handler_answers_and_the_models_are_found_beside_the_task_root(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", bundles.double(), bundles.divide())
    script = "from slsdeploy_runtime.app import handler\nprint(handler({'slsdeploy': 'ready'}, None))"
    assert run(task, script).stdout.splitlines()[-1] == "{'ready': True, 'models': ['double', 'divide']}"


def test_a_model_may_lie_in_the_task_root_itself(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle")
    (task.parent / "opt" / "models").rename(task / "models")
    manifest = json.loads((task / "slsdeploy.json").read_text())
    manifest["models"][0]["root"] = "task"
    (task / "slsdeploy.json").write_text(json.dumps(manifest))
    script = "from slsdeploy_runtime.app import handler\nprint(handler({'instances': [[1, 2]]}, None))"
    assert run(task, script).stdout.splitlines()[-1] == "{'predictions': [[2.0, 4.0]]}"


def test_the_task_root_is_found_on_the_module_path_when_lambda_does_not_name_it(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle")
    variables = {"LAMBDA_TASK_ROOT": "", "PYTHONPATH": os.pathsep.join([str(RUNTIME), str(task)])}
    assert run(task, "import slsdeploy_runtime.app", variables).returncode == 0


def test_the_first_invocation_reports_a_cold_start_and_how_long_the_model_took(tmp_path: Path) -> None:
    script = "from slsdeploy_runtime.app import handler\nfor _ in range(2): handler({'slsdeploy': 'ready'}, None)"
    (line,) = run(bundles.write(tmp_path / "bundle"), script).stdout.splitlines()
    metrics = json.loads(line)
    assert metrics["ColdStart"] == [1.0]
    assert metrics["ModelLoadTime"][0] > 0


def test_a_thread_is_bought_with_each_1769_megabytes() -> None:
    script = "import os\nfrom slsdeploy_runtime.threads import threads\n"
    script += "for memory in (128, 1769, 2600, 3538, 10240):\n"
    script += "    os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] = str(memory); print(threads(), end=' ')"
    assert run(Path("/"), script).stdout == "1 1 1 2 6 "


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "the user's module": (
        {"handler": "import not_there\n"},
        "HandlerError: handler.py does not import: ModuleNotFoundError",
    ),
    "no function": ({"handler": "x = 1\n"}, "HandlerError: handler.py has none of preprocess, predict, postprocess"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_bad_handler_is_an_init_error_that_says_so(tmp_path: Path, what: str) -> None:
    bundle, message = FAILURES[what]
    done = run(bundles.write(tmp_path / "bundle", **bundle), "import slsdeploy_runtime.app")
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("m['schema'] = 1", "ManifestError: slsdeploy.json has schema 1, this runtime reads 2: build again"),
        ("m['models'][0]['path'] = 'models/gone.onnx'", "models/gone.onnx"),
        (
            "m['models'][0]['inputs'][0]['datatype'] = 'BF16'",
            "ModelError: model 'double': x has datatype BF16, not served",
        ),
        ("m = None", "ManifestError: no slsdeploy.json in LAMBDA_TASK_ROOT"),
    ],
)
def test_a_bundle_that_cannot_be_served_is_an_init_error(tmp_path: Path, change: str, message: str) -> None:
    task = bundles.write(tmp_path / "bundle")
    scope: dict[str, Any] = {"m": json.loads((task / "slsdeploy.json").read_text())}
    exec(change, scope)
    (task / "slsdeploy.json").unlink()
    if scope["m"] is not None:
        (task / "slsdeploy.json").write_text(json.dumps(scope["m"]))
    done = run(task, "import slsdeploy_runtime.app")
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


def test_each_phase_of_the_start_leaves_its_mark_in_order(tmp_path: Path) -> None:
    script = "import slsdeploy_runtime.app as app, json; print(json.dumps(app.handler({'slsdeploy': 'phases'}, None)))"
    done = run(bundles.write(tmp_path / "bundle"), script)
    assert done.returncode == 0, done.stderr
    report = next(json.loads(line) for line in done.stdout.splitlines() if "marks" in line)
    names = ["imports", "settings", "events", "engine", "session", "warm_up"]
    assert [name for name, _ in report["marks"]] == names
    moments = [report["started"], *(moment for _, moment in report["marks"])]
    assert moments == sorted(moments)


def test_openblas_is_told_before_it_starts_how_many_threads_the_memory_buys(tmp_path: Path) -> None:
    script = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_NUM_THREADS"))
sys.meta_path.insert(0, Watch())
import slsdeploy_runtime.app
"""
    task = bundles.write(tmp_path / "bundle")
    assert run(task, script, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}).stdout == "1\n"
    users = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769", "OPENBLAS_NUM_THREADS": "3"}
    assert run(task, script, users).stdout == "3\n"

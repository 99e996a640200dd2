"""A model that takes longer to load than Lambda's init phase allows: it is loaded once, and its first caller gets an answer."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.local_lambda import Lab, eventually, local_lambda
from tests.runtime import bundles

pytestmark = pytest.mark.e2e

HANDLERS = Path(__file__).parents[2] / "handlers"
SECONDS = 11.0  # of the 10 that initialising may take
FORMAT = f"""
import os, time
from slsdeploy_runtime.formats import onnx
from slsdeploy_runtime.formats.onnx import PLATFORM, engine

def load(path, threads, session):
    print("loading in process", os.getpid())
    time.sleep({SECONDS})
    return onnx.load(path, threads, session)
"""
ROW = {"instances": [[1, 2]]}
ANSWER = {"predictions": [[2.0, 4.0]]}


def bundle(folder: Path) -> dict[str, bytes]:
    """Return the files of a function whose format's module takes its time."""
    task = bundles.write(folder, settings={"double": {"format": "slow_format", "root": "task"}})
    model = folder / "opt/models/double/double.onnx"
    return {
        "slsdeploy.json": (task / "slsdeploy.json").read_bytes(),
        "models/double/double.onnx": model.read_bytes(),
        "slow_format.py": FORMAT.encode(),
    }


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        # the function imports this very checkout, which may lie where a function with mounts of its own does not see it
        patch.setenv("SLSDEPLOY_LOCAL_MOUNTS", "off")
        with local_lambda(tmp_path_factory.mktemp("lambda")) as made:
            yield made


@pytest.fixture(scope="module")
def invoked(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    """Two such functions invoked side by side, again until they answer: one with much time for a request, one with little."""
    files = bundle(tmp_path_factory.mktemp("bundle") / "bundle")
    paths = {"PYTHONPATH": f"{HANDLERS}:{sysconfig.get_path('purelib')}"}
    for name, timeout in (("patient", 30), ("hasty", 2)):
        lab.create(
            name,
            files,
            Handler="slsdeploy_runtime.app.handler",
            Environment={"Variables": paths},
            Timeout=timeout,
        )

    def ask(name: str) -> list[Any]:
        results: list[Any] = []
        while not results or (results[-1].function_error and len(results) < 9):
            results.append(lab.invoke(name, ROW))
        return results

    with ThreadPoolExecutor() as pool:
        asked: dict[str, Future[list[Any]]] = {name: pool.submit(ask, name) for name in ("patient", "hasty")}
        yield {name: each.result(timeout=60) for name, each in asked.items()}


def test_the_first_request_waits_for_the_load(lab: Lab, invoked: dict[str, list[Any]]) -> None:
    (result,) = invoked["patient"]
    assert json.loads(result.payload) == ANSWER
    report = eventually(lambda: [line for line in lab.log("/aws/lambda/patient") if line.startswith("REPORT")])[0]
    log = lab.log("/aws/lambda/patient")
    assert sum("loading in process" in line for line in log) == 1
    assert sum("models are still loading at the end of Lambda's init phase" in line for line in log) == 1
    assert not any("INIT_REPORT" in line for line in log)
    assert "Init Duration: 8" in report or "Init Duration: 9" in report, report


def test_the_models_metrics_are_those_of_the_request_that_waited(lab: Lab, invoked: dict[str, list[Any]]) -> None:
    (metrics,) = (json.loads(line) for line in lab.log("/aws/lambda/patient") if '"_aws"' in line)
    assert metrics["ColdStart"] == [1]
    assert metrics["ModelLoadTime"][0] > SECONDS * 1000


def test_a_request_that_has_no_time_for_it_says_so_and_the_next_finds_it_further_on(
    lab: Lab, invoked: dict[str, list[Any]]
) -> None:
    *failed, answered = invoked["hasty"]
    assert failed
    for each in failed:
        error = json.loads(each.payload)
        assert (error["errorType"], error["errorMessage"]) == (
            "StillLoading",
            "model 'double' is still loading: ask again",
        )
    assert json.loads(answered.payload) == ANSWER
    log = lab.log("/aws/lambda/hasty")
    assert sum("loading in process" in line for line in log) == 1
    assert not any("INIT_REPORT" in line or "timed out" in line for line in log)

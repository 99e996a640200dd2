"""Memory, for real: processes that load models of 40 MB with onnxruntime, and have little of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import memory
from tests.runtime import bundles
from tests.runtime.test_start import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and RLIMIT_DATA are Linux's")
MB = 1024**2
LAZY = {"load": "lazy"}
# what is freed is unmapped at once: only what is mapped can be limited
UNMAPPED = {"MALLOC_MMAP_THRESHOLD_": "65536"}
ASK = """
import json, sys, resource
from slsdeploy_runtime import memory
from slsdeploy_runtime.app import handler, _store
from slsdeploy_runtime.formats.onnx import engine

def ask(name):
    return handler({"model": name, "instances": [[1.0] * 1000]}, None)["predictions"][0][0]

def loaded():
    return [name for name, model in _store.models.items() if model.is_loaded]

def leave(megabytes):
    # the process may take so much more memory, and no more
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    size = int(status["VmData"].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (size + megabytes * memory.MB, resource.RLIM_INFINITY))

engine()
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lazy models of 40 MB each."""
    folder = tmp_path_factory.mktemp("large")
    models = [bundles.heavy(name) for name in ("one", "two")]
    return bundles.write(folder / "bundle", *models, settings={"one": LAZY, "two": LAZY})


def report(task: Path, script: str, **variables: str) -> Any:
    done = run(task, ASK + script, variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_is_evicted_is_given_back_to_the_system(task: Path) -> None:
    script = """
before = memory.resident()
one = ask("one")
with_one = memory.resident()
_store.make_room(_store.models["two"])
print(json.dumps([before, with_one, memory.resident(), one]))
"""
    before, with_one, after, answer = report(task, script)
    assert 38 * MB < with_one - before < 70 * MB
    assert after - before < 20 * MB  # buffers of the first run stay
    assert answer == 1000.0


def test_the_functions_memory_holds_one_of_them_only(task: Path) -> None:
    script = """
import os
whole = memory.resident() / memory.MB + 100  # each takes 40, and as much again while it is loaded
os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = str(round(whole / 0.9))
answers = [ask(name) for name in ("one", "two", "one")]
print(json.dumps([answers, loaded()]))
"""
    assert report(task, script) == [[1000.0, 1000.0, 1000.0], ["one"]]


def test_when_memory_is_used_up_the_other_model_goes_and_it_is_tried_once_more(task: Path) -> None:
    """With ever more memory, the first time that it works it does so because the other one went."""
    script = """
for extra in range(10, 200, 10):
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    answers = [ask("one")]
    leave(extra)
    _store._failures.clear()  # no pause
    try:
        answers.append(ask("two"))
        break
    except Exception:
        pass
print(json.dumps([answers, loaded()]))
"""
    assert report(task, script, **UNMAPPED) == [[1000.0, 1000.0], ["two"]]


def test_when_that_does_not_help_the_request_fails_and_the_next_works(task: Path) -> None:
    script = """
answers = [ask("one")]
_store.make_room(_store.models["two"])
leave(20)
try:
    ask("two")
except Exception as error:
    answers.append(f"{type(error).__name__}: {error}")
resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
answers.append(ask("one"))
print(json.dumps(answers))
"""
    first, failed, last = report(task, script, **UNMAPPED)
    assert failed.startswith("LoadFailed: model 'two' cannot be loaded: ")
    assert failed.endswith("(memory is used up: raise `memory`, or lower `model_memory`, in slsdeploy.toml)")
    assert (first, last) == (1000.0, 1000.0)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (MemoryError(), True),
        (
            RuntimeError(
                "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: std::bad_alloc"
            ),
            True,
        ),
        (RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1"), True),
        (RuntimeError("no such file"), False),
    ],
)
def test_exhausted_memory_is_recognised(error: Exception, is_so: bool) -> None:
    assert memory.is_exhausted(error) == is_so

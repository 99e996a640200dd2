"""What a bad handler gets before anything is deployed: its own lines, whether this machine can run the target's code or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slsdeploy.bundle import import_handler
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ProjectError
from slsdeploy.interpreters import host_minor
from slsdeploy.project import host_platform
from tests import wheelhouse
from tests.building import HANDLER, House, contents

# local: imported for real by the target's Python; not local: for arm64 on Linux and x86_64 here, or the other way round, its source is read
HERE, THERE = True, False


def set_target(house: House) -> None:
    """Make sure that AWS's target is not this machine's, and that the local one is this very Python."""
    foreign = "x86_64" if host_platform().startswith("aarch64") else "arm64"
    python = host_minor() if host_minor() in ("3.12", "3.13", "3.14") else "3.13"
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{foreign}"\npython = "{python}"\n')


def refused(house: House, local: bool) -> BuildError:
    set_target(house)
    with pytest.raises(BuildError) as raised:
        house.build(local=local)
    assert not (house.project(local=local).work / "bundle").exists()
    return raised.value


@pytest.mark.parametrize("local", [HERE, THERE])
def test_a_forgotten_requirement_is_called_as_the_index_does(house: House, local: bool) -> None:
    house.write("handler.py", "import sklearn\n" + HANDLER)
    assert refused(house, local).hint == "add scikit-learn to the requirements, or the module to the project folder"


@pytest.mark.parametrize("local", [HERE, THERE])
def test_a_forgotten_requirement(house: House, local: bool) -> None:
    house.write("handler.py", "import json\nimport sprocket\n" + HANDLER)
    error = refused(house, local)
    assert "sprocket" in error.message
    assert error.where == "handler.py:2"
    assert "requirements" in error.hint


@pytest.mark.parametrize("local", [HERE, THERE])
def test_a_forgotten_requirement_of_an_own_module(house: House, local: bool) -> None:
    house.write("handler.py", "from lib import tables\n" + HANDLER)
    house.write("lib/__init__.py", "")
    house.write("lib/tables.py", "from . import other\n")
    house.write("lib/other.py", "\n\nimport sprocket\n")
    error = refused(house, local)
    assert "sprocket" in error.message
    assert error.where == "lib/other.py:3"


@pytest.mark.parametrize("local", [HERE, THERE])
def test_this_tools_own_packages_are_not_there(house: House, local: bool) -> None:
    house.write("handler.py", "import pydantic\n" + HANDLER)
    assert "pydantic" in refused(house, local).message


@pytest.mark.parametrize("local", [HERE, THERE])
def test_a_syntax_error(house: House, local: bool) -> None:
    house.write("handler.py", "def preprocess(request)\n    return {}\n")
    error = refused(house, local)
    assert error.where == "handler.py:1"
    assert "def preprocess(request)" in error.message


@pytest.mark.parametrize("local", [HERE, THERE])
@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        (
            "\ndef preprocess(request, context):\n    ...\n",
            r"takes \(request, context\), and is called with 1 argument$",
            2,
        ),
        ("def predict(inputs):\n    ...\n", r"is called with 2 arguments$", 1),
        ("def postprocess(outputs, *, pretty):\n    ...\n", r"takes \(outputs, pretty\)", 1),
        ("async def preprocess(request):\n    ...\n", "async", 1),
    ],
)
def test_a_wrong_signature(house: House, local: bool, source: str, said: str, line: int) -> None:
    house.write("handler.py", source)
    set_target(house)
    with pytest.raises(BuildError, match=said) as raised:
        house.build(local=local)
    assert raised.value.where == f"handler.py:{line}"


@pytest.mark.parametrize("local", [HERE, THERE])
def test_a_misspelt_function(house: House, local: bool) -> None:
    house.write("handler.py", "def pre_process(request):\n    return {}\n")
    error = refused(house, local)
    assert "has none of preprocess, predict, postprocess" in error.message
    assert error.hint == "did you mean preprocess by pre_process?"


@pytest.mark.parametrize("local", [HERE, THERE])
@pytest.mark.parametrize(
    "source",
    [
        "def preprocess(request, size=32, *rest, **more):\n    return {}\n",
        "from steps import preprocess\n",
        "from steps import *\n",
        "import steps\npostprocess = steps.preprocess\n",
        "try:\n    import sprocket\nexcept ImportError:\n    sprocket = None\n" + HANDLER,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sprocket\n" + HANDLER,
        "def preprocess(request):\n    import sprocket\n    return {}\n",
        "import boto3\n\nCLIENT = boto3.client('s3')\n" + HANDLER,
        "import numpy, onnxruntime, xml.etree.ElementTree\nfrom slsdeploy_runtime.request import BadInput\n" + HANDLER,
        "import os\nMODE = os.environ['SLSDEPLOY_STAGE']\n" + HANDLER,
    ],
)
def test_a_good_handler(house: House, local: bool, source: str) -> None:
    set_target(house)
    # the package index here has numpy in name only; what the runtime's modules take of it
    numpy = {"numpy/__init__.py": b"ndarray = generic = object\n", "numpy/typing.py": b"NDArray = {object: object}\n"}
    wheelhouse.add_wheel(house.index, "numpy", "2.9", files=numpy)
    house.write("handler.py", source)
    house.write("steps.py", HANDLER)
    assert "task/steps.py" in contents(house.build(local=local))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("VALUE = {}\nVALUE['x']\n" + HANDLER, "KeyError: 'x'"),
        ("import sys\nsys.exit(3)\n" + HANDLER, "SystemExit: 3"),
        ("print('noise')\nraise RuntimeError\n" + HANDLER, "RuntimeError"),
    ],
)
def test_a_handler_that_raises_shows_its_own_lines(house: House, source: str, said: str) -> None:
    house.write("handler.py", source)
    error = refused(house, HERE)
    assert error.message.startswith(f"handler.py does not import: {said}\n  handler.py:2 in <module>\n    ")
    assert source.splitlines()[1] in error.message
    assert "importlib" not in error.message


def test_a_handler_that_kills_the_process(house: House) -> None:
    house.write("handler.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n" + HANDLER)
    assert "killed by signal 11" in refused(house, HERE).message


def test_a_handler_sees_the_functions_variables_and_none_of_this_machines(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("GITHUB_TOKEN", "mine")
    monkeypatch.setenv("HOME", "/home/me")
    house.write("handler.py", "import os\nraise RuntimeError(sorted(os.environ.items()))\n" + HANDLER)
    set_target(house)
    text = (house.root / FILE).read_text() + 'environment = {GREETING = "hello"}\nsecrets = {KEY = "ssm:/key"}\n'
    house.write(FILE, text)
    with pytest.raises(BuildError) as raised:
        house.build(local=HERE)
    said = raised.value.message
    for pair in ("('GREETING', 'hello')", "('KEY', '')", "('SLSDEPLOY_STAGE', 'dev')", "('TZ', ':UTC')"):
        assert pair in said
    assert "mine" not in said and "/home/me" not in said


def test_a_handler_that_calls_aws_is_not_tried(house: House) -> None:
    error = b"class NoCredentialsError(Exception):\n    pass\n"
    wheelhouse.add_wheel(house.index, "botocore", files={"botocore/__init__.py": b"", "botocore/exceptions.py": error})
    house.write("handler.py", "from botocore import exceptions\nraise exceptions.NoCredentialsError\n" + HANDLER)
    set_target(house)
    house.write(FILE, (house.root / FILE).read_text() + 'requirements = ["botocore"]\n')
    assert "task/handler.py" in contents(house.build(local=HERE))


def test_a_handler_in_a_package(house: House) -> None:
    house.write("serving/__init__.py", "")
    house.write("serving/main.py", "from . import steps\n" + HANDLER)
    house.write("serving/steps.py", "")
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\nhandler = "serving.main"\n')
    bundle = house.build(local=True)
    assert "task/serving/main.py" in contents(bundle)
    assert '"handler": "serving.main"' in (bundle.path / "task/slsdeploy.json").read_text()


def test_a_handler_that_is_not_there(house: House) -> None:
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\nhandler = "serving.main"\n')
    with pytest.raises(ProjectError, match=r"no serving/main.py"):
        house.build()


def test_syntax_that_only_the_target_knows(house: House, tmp_path: Path) -> None:
    house.write("handler.py", "type Row = list[float]\n" + HANDLER)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npython = "3.13"\n')
    knows = host_minor() >= "3.12" or house.project().target.interpreter is not None
    if knows:
        house.build()
    else:
        with pytest.raises(BuildError) as raised:
            house.build()
        assert "uv python install 3.13" in raised.value.hint


def test_a_file_in_two_parts_of_one_zip(house: House) -> None:
    house.write("handler.py", HANDLER)
    house.write("numpy/__init__.py", "")
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npackage = "zip"\n')
    with pytest.raises(BuildError, match=r"numpy/__init__.py is in the dependencies and in the code"):
        house.build()


@pytest.mark.parametrize(("snap_start", "seconds"), [(False, "10"), (True, "130")])
def test_importing_may_take_as_long_as_lambda_lets_it(house: House, snap_start: bool, seconds: str) -> None:
    set_target(house)
    house.write(FILE, (house.root / FILE).read_text() + f"snap_start = {str(snap_start).lower()}\n")
    house.write("handler.py", "import sys\nraise ValueError(sys.argv[-1])\n" + HANDLER)
    with pytest.raises(BuildError, match=f"ValueError: {seconds}"):
        house.build(local=True)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no alarm to end an import with")
def test_an_import_that_takes_longer_is_ended(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(20)\n")
    argv = [sys.executable, import_handler.__file__, "slow", str(tmp_path / "answer.json"), "1"]
    subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=15, check=False)
    error = json.loads((tmp_path / "answer.json").read_text())["error"]
    assert (error["type"], error["message"]) == (
        "TimeoutError",
        "importing takes longer than the 1 s that Lambda gives it",
    )


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the system does not say who waited")
def test_waiting_for_a_busy_machines_processor_is_not_importing(tmp_path: Path) -> None:
    """It works for 0.6 s of its 1 s, on a processor that it shares with two others."""
    (tmp_path / "busy.py").write_text("import time\nwhile time.process_time() < 0.6:\n    pass\n")
    processor = min(os.sched_getaffinity(0))
    alone = f"import os; os.sched_setaffinity(0, {{{processor}}}); "
    others = [subprocess.Popen([sys.executable, "-c", f"{alone}\nwhile True: pass"]) for _ in range(2)]
    try:
        code = f"{alone}import sys; from slsdeploy.bundle import import_handler; import_handler.main('busy', sys.argv[1], 1)"
        argv = [sys.executable, "-c", code, str(tmp_path / "answer.json")]
        began = time.monotonic()
        subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=60, check=True)
        assert time.monotonic() - began > 1
    finally:
        for each in others:
            each.kill()
            each.wait()
    assert json.loads((tmp_path / "answer.json").read_text()) == {"names": []}

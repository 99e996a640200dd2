"""The wheel carries everything: built, installed in an empty environment, `init` and `up --local` run from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.e2e


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Build the wheel, install it in an environment of its own, stop its local AWS afterwards."""
    from uv import find_uv_bin

    uv = find_uv_bin()
    run([uv, "build", "--wheel", "--out-dir", str(tmp_path / "dist"), str(ROOT)])
    run([uv, "venv", "--python", sys.executable, str(tmp_path / "env")])
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run([uv, "pip", "install", "--python", str(tmp_path / "env/bin/python"), str(wheel)])
    command = tmp_path / "env/bin/slsdeploy"
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    env["SLSDEPLOY_STATE_DIR"] = str(tmp_path / "state")
    yield command, env
    run([str(command), "local", "stop"], env=env)


def test_init_and_up_from_the_wheel(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    command, env = installed
    model = tmp_path / "elsewhere.onnx"
    shutil.copyfile(ROOT / "samples/iris/iris.onnx", model)
    project = tmp_path / "flowers"
    run([str(command), "init", str(project), "--model", str(model), "--trigger", "http"], env=env)
    answer = json.loads(run([str(command), "up", str(project), "--local", "--json"], env=env))
    assert (answer["name"], answer["target"], answer["changed"]) == ("flowers", "local", True)
    told = run(
        [
            str(command),
            "invoke",
            str(project),
            "--local",
            "--url",
            "--json",
            "--event",
            str(ROOT / "samples/iris/flower.json"),
        ],
        env=env,
    )
    assert json.loads(told)["status_code"] == 200


def run(argv: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd="/", check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

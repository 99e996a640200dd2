"""The Open Inference Protocol over the local AWS's Function URL, asked by a published client of it with ONNX's own conformance cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime.decode import DTYPES
from tests.e2e import open_inference_client

PROGRAM = Path(__file__).with_name("open_inference_client.py")
pytestmark = pytest.mark.e2e


def run(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def url(local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    project = tmp_path_factory.mktemp("conformance")
    run(str(PROGRAM), "--write", str(project))
    models = [f'[models.{path.stem}]\npath = "{path.name}"\n' for path in sorted(project.glob("*.onnx"))]
    head = 'name = "conformance"\noptimize = "off"\nmemory = 1769\n\n[[trigger]]\ntype = "http"\nauth = "none"\n'
    (project / "slsdeploy.toml").write_text("\n".join([head, *models]))
    done = run("-m", "slsdeploy", "up", str(project), "--local", "--json")
    return str(json.loads(done.stdout)["url"])


def test_every_case_comes_back_equal_through_a_published_client(url: str) -> None:
    if sys.platform != "linux":
        pytest.skip("tritonclient has wheels for Linux only")
    found = json.loads(run("-W", "ignore", str(PROGRAM), url.removeprefix("http://").rstrip("/")).stdout)
    assert found["different"] == []
    assert found["asked"] >= 3 * sum(map(len, open_inference_client.CASES.values()))
    assert set(found["datatypes"]) == set(DTYPES)
    names = sorted(f"test_{name}" for names in open_inference_client.CASES.values() for name in names)
    assert found["refused"][0].startswith("404: there is no model 'no_such_model'; there is 'test_add_int16', ")
    assert all(f"'{name}'" in found["refused"][0] for name in names)
    assert found["refused"][1:] == [
        "404: model 'test_and2d' has no version '2'; it has '1'",
        "400: inputs[0].datatype: found the text 'INT64', expected BOOL",
    ]

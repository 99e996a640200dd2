"""How a model is loaded: at the level that the build decided, and where the system hides its processors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slsdeploy_runtime.formats import onnx
from tests import models
from tests.runtime import bundles

RUNTIME = Path(__file__).parents[2] / "handlers"
_LOAD = """
import sys
from pathlib import Path
import slsdeploy_runtime.app as app
print(app.handler({"inputs": {"x": [[1, 2]]}}, None))
"""


@pytest.mark.parametrize("level", ["none", "basic", "extended", "all"])
def test_every_level_gives_the_same_answers(tmp_path: Path, level: str) -> None:
    path = models.transformer(tmp_path / "model.onnx", layers=1, hidden=32, vocabulary=100)
    ids = {"ids": np.array([[1, 2, 3]])}
    plain = onnx.load(str(path), 1).run(ids)
    found = onnx.load(str(path), 1, {"level": level}).run(ids)
    np.testing.assert_allclose(found["states"], plain["states"], rtol=1e-3, atol=1e-4)


def test_a_level_that_is_not_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="most"):
        onnx.load(str(models.linear(tmp_path / "model.onnx", width=2)), 1, {"level": "most"})


@pytest.mark.parametrize("memory", ["1769", "2700", "3538"])
def test_a_bundle_starts_where_sys_is_empty(tmp_path: Path, memory: str) -> None:
    """As on Lambda's arm64 machines: https://github.com/microsoft/onnxruntime/issues/10038."""
    if not _can_mask():
        pytest.skip("this machine gives no mount namespaces")
    task = bundles.write(tmp_path, bundles.double())
    variables = {"LAMBDA_TASK_ROOT": str(task), "PYTHONPATH": str(RUNTIME), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}
    script = 'mount -t tmpfs none /sys && test ! -e /sys/devices && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", _LOAD]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "[[2.0, 4.0]]" in done.stdout


def _can_mask() -> bool:
    argv = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys"]
    try:
        return subprocess.run(argv, capture_output=True, timeout=10, check=False).returncode == 0
    except FileNotFoundError:
        return False

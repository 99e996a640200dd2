"""The real packages from the configured index: what a function of the default target gets, and what uv says of those that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slsdeploy.bundle import lock
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError
from tests import wheelhouse
from tests.building import HANDLER, House, contents, save_model

# https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html: e_machine
AARCH64 = 183


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of parts for the module: the dependencies are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def real(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(shelf))
    save_model(tmp_path / "iris.onnx")
    house = House(tmp_path, tmp_path)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\n[[trigger]]\ntype = "http"\n')
    return house


def test_what_runs_on_arm_is_for_arm_and_for_lambdas_glibc(real: House) -> None:
    bundle = real.build()
    found = contents(bundle)
    shared = [bundle.path / path for path in found if path.endswith(".so") or ".so." in path]
    assert len(shared) > 10
    for path in shared:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert int.from_bytes(header[18:20], "little") == AARCH64, path
    assert not [path for path in found if path.startswith(("opt/python/boto", "opt/python/bin/"))]
    assert not [path for path in found if path.endswith((".pyi", ".h", "conftest.py")) or "/tests/" in path]
    assert not [path for path in found if "/libonnxruntime.so" in path or "/onnxruntime/transformers/" in path]
    assert bundle.unzipped_bytes < 100_000_000
    locked = (real.root / lock.FILE).read_text()
    assert "://" not in locked
    (section,) = lock.read(real.root)
    assert all(package.hashes for package in section.packages)


def test_a_bundle_for_here_runs_here(real: House) -> None:
    real.write("handler.py", "import numpy as np\n" + HANDLER)
    bundle = real.build(local=True)
    script = (
        "import json; from slsdeploy_runtime.app import handler\n"
        "print(json.dumps(handler({'slsdeploy': 'ready'}, None)))\n"
        "import numpy, sys; assert numpy.__file__.startswith(sys.argv[1]), numpy.__file__"
    )
    interpreter = str(real.project(local=True).target.interpreter)
    path = f"{bundle.path}/task:{bundle.path}/opt/python"
    done = real.tools().shell.run(
        [interpreter, "-P", "-s", "-S", "-c", script, str(bundle.path)],
        env={"PYTHONPATH": path, "POWERTOOLS_METRICS_NAMESPACE": "slsdeploy", "POWERTOOLS_METRICS_DISABLED": "true"},
    )
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"ready": True, "models": ["iris"]}
    # Nothing compiled on import: what is run is what was shipped.
    before = wheelhouse.files_below(bundle.path)
    assert [name for name in before if name.endswith(".pyc")]


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("pywin32==312", "win_amd64"),  # wheels for Windows only, and no source
        ("torch==1.13.1", "cp311"),  # wheels for older Pythons only
        ("numpy==2.0.0", "Python 3.12"),  # has a source distribution: uv gives no hint, so it is asked again
    ],
)
def test_what_there_are_wheels_for_is_said(real: House, requirement: str, said: str) -> None:
    real.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\nrequirements = ["{requirement}"]\n')
    with pytest.raises(BuildError, match=r"has no wheel for Python 3\.13") as raised:
        real.build()
    assert said in raised.value.message

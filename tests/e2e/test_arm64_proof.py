"""Bundles for arm64, as they are built by default, run by its own CPython: what is slimmed imports, and predicts as the models do here.

The processor is qemu's. What is compared: machine code, bytecode, whether everything imports, the answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import config
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve
from slsdeploy.types import Project
from tests.docker_registry import PROGRAM, SKOPEO, docker_registry, skopeo
from tests.e2e import arm64, debian
from tests.e2e.emulator import Unavailable
from tests.e2e.test_rie import expect, expected, inputs_of

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "samples"
AARCH64 = 183  # https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html: e_machine
PATHS = {"zip": "/var/task", "layer": "/var/task:/opt/python", "image": "/var/task"}
IMPORTS = ["numpy", "onnxruntime", "orjson", "aws_lambda_powertools.metrics"]


@pytest.fixture(scope="module")
def root() -> Path:
    try:
        return arm64.root()
    except Unavailable as reason:
        pytest.skip(str(reason))


def project_of(sample: str, package: str, folder: Path, more: str = "") -> Project:
    """Return a copy of a sample, for the architecture that is the default."""
    place = folder / sample
    shutil.copytree(SAMPLES / sample, place, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
    lines = (place / config.FILE).read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("package", "architecture"))]
    (place / config.FILE).write_text("\n".join([f'package = "{package}"', *kept, more]))
    loaded, stage = config.load(place / config.FILE, overrides={}, environ={})
    return resolve(loaded, place, stage=stage, local=False, shell=SystemShell())


def build(project: Project, *words: str) -> Mapping[str, Any]:
    argv = [sys.executable, "-m", "slsdeploy", "build", str(project.root), "--json", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said: Mapping[str, Any] = json.loads(done.stdout)
    return said


def is_for_arm64(folders: list[Path], magic: str) -> None:
    """All machine code is aarch64's, all bytecode is of that very Python; there is both."""
    counts = {"code": 0, "bytecode": 0}
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        head = path.read_bytes()[:20]
        if head.startswith(b"\x7fELF"):
            assert int.from_bytes(head[18:20], "little") == AARCH64, path
            counts["code"] += 1
        if path.suffix == ".pyc":
            assert head[:4].hex() == magic, path
            counts["bytecode"] += 1
    assert counts["code"] > 10 and counts["bytecode"] > 300, counts


def answers_as_here(project: Project, place: Path, imports: list[str]) -> None:
    (model,) = project.models
    event = {"inputs": inputs_of(model)}
    variables = {"PYTHONPATH": PATHS[project.config.package], "LAMBDA_TASK_ROOT": "/var/task"}
    said = arm64.ask(place, variables, [{"slsdeploy": "ready"}, event], imports)
    assert said["machine"] == "aarch64"
    assert said["answers"][0] == {"ready": True, "models": [model.name]}
    expect(said["answers"][1], expected(project, model, event))
    is_for_arm64([place / "var" / "task", place / "opt"], said["magic"])


@pytest.mark.parametrize("package", ["zip", "layer"])
def test_a_bundle_answers_on_arm64_as_its_model_does_here(root: Path, tmp_path: Path, package: str) -> None:
    project = project_of("iris", package, tmp_path)
    assert project.target.architecture == "arm64"
    bundle = Path(build(project)["path"])
    place = tmp_path / "root"
    shutil.copytree(root, place, symlinks=True)
    shutil.copytree(bundle / "task", place / "var" / "task")
    if package == "layer":
        shutil.copytree(bundle / "opt", place / "opt")
    answers_as_here(project, place, IMPORTS)


def test_an_image_answers_on_arm64_as_its_model_does_here(root: Path, tmp_path: Path) -> None:
    for name, found in {"docker-registry": PROGRAM, "skopeo": SKOPEO, "umoci": shutil.which("umoci")}.items():
        if found is None:
            pytest.skip(f"{name} is not installed")
    settings = {"Cmd": ["bash"], "Env": ["PATH=/usr/bin"]}
    layer = tmp_path / "layer.tar.gz"
    debian.write_image(tmp_path / "base", [(layer, debian.pack(root, layer))], settings, "arm64")
    with docker_registry(tmp_path / "registry") as registry:
        base = f"{registry.host}/debian/python:{debian.PYTHON}"
        skopeo("copy", "--insecure-policy", "--dest-tls-verify=false", f"oci:{tmp_path}/base:base", f"docker://{base}")
        project = project_of("forest", "image", tmp_path, f'[image]\nbase = "{base}"')
        build(project, "--output", f"oci:{tmp_path}/image:it")
    place = tmp_path / "root"
    argv = ["umoci", "raw", "unpack", "--image", f"{tmp_path}/image:it", str(place)]
    subprocess.run(argv, capture_output=True, check=True, timeout=120)
    described = json.loads(skopeo("inspect", "--config", f"oci:{tmp_path}/image:it"))
    assert (described["os"], described["architecture"]) == ("linux", "arm64")
    # Lambda's client, which the base has not; the latter is machine code
    answers_as_here(project, place, [*IMPORTS, "awslambdaric.bootstrap", "runtime_client"])

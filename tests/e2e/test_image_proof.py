"""An image of ours with real parts around it: a registry, another distribution to build upon, others' eyes, AWS's own emulator.

The base is Debian's root file system, which has CPython and nothing of Lambda: its runtime client and how it is started come from us.
The project's architecture is this machine's, as the image is run here: unpacked by `umoci`, in `chroot`, as a user without rights.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import config, oci
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve
from tests import bases
from tests.docker_registry import PROGRAM, SKOPEO, docker_registry, skopeo
from tests.e2e import debian
from tests.e2e.emulator import Unavailable, emulating, find_emulator
from tests.e2e.test_rie import expect, expected, inputs_of

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "samples"
LIMIT = 10 * 1024**3  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_USER = "993:990"  # whom functions run as: nobody that the image knows
# imported by any Python whose module path has the task root: the function answers if its whiteout is obeyed, and only then
SPOILER = "var/task/sitecustomize.py"
TOML = """
name = "iris"
model = "iris.onnx"
handler = "handler"
package = "image"
python = "{python}"
architecture = "{architecture}"

[image]
base = "{base}"
"""
HANDLER = "def postprocess(outputs):\n    return {'outputs': outputs, 'version': 1}\n"


@dataclass(frozen=True)
class Desk:
    """A project, its own caches, and where its image goes."""

    root: Path
    to: str  # HOST/REPOSITORY

    def push(self, tag: str, *, umask: int = -1, cache: str = "cache", **variables: str) -> Mapping[str, Any]:
        """Run `build --push`; return what it says of the image."""
        argv = [sys.executable, "-m", "slsdeploy", "build", str(self.root), "--push", f"{self.to}:{tag}", "--json"]
        environment = {**os.environ, **variables, "SLSDEPLOY_CACHE_DIR": str(self.root.parent / cache)}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=300, check=False, env=environment, umask=umask
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said: Mapping[str, Any] = json.loads(done.stdout)["image"]
        assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", self.at(tag)).strip() == said["digest"]
        return said

    def at(self, tag: str) -> str:
        return f"docker://{self.to}:{tag}"


@pytest.fixture(scope="module")
def rie() -> Path:
    for name, found in {"docker-registry": PROGRAM, "skopeo": SKOPEO, "umoci": shutil.which("umoci")}.items():
        if found is None:
            pytest.skip(f"{name} is not installed")
    try:
        return find_emulator()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def root_layer() -> debian.RootLayer:
    try:
        return debian.root_layer()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def desk(rie: Path, root_layer: debian.RootLayer, tmp_path: Path) -> Iterator[Desk]:
    """Put the base into one registry, and a project that builds upon it beside another."""
    layers = [bases.layer({SPOILER: b"raise SystemExit('the whiteout was not obeyed')"})]
    layers += [bases.layer({"var/task/.wh.sitecustomize.py": b""})]
    settings = {"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
    debian.write_image(tmp_path / "base", [(root_layer.path, root_layer.diff_id), *layers], settings)
    with docker_registry(tmp_path / "theirs") as theirs, docker_registry(tmp_path / "ours") as ours:
        base = f"{theirs.host}/debian/python:{debian.PYTHON}"
        skopeo("copy", "--insecure-policy", "--dest-tls-verify=false", f"oci:{tmp_path}/base:base", f"docker://{base}")
        root = tmp_path / "iris"
        root.mkdir()
        shutil.copy(SAMPLES / "iris" / "iris.onnx", root)
        (root / "handler.py").write_text(HANDLER)
        architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
        (root / config.FILE).write_text(TOML.format(python=debian.PYTHON, architecture=architecture, base=base))
        yield Desk(root, f"{ours.host}/team/iris")


def test_an_image_of_ours_is_lambdas_and_answers_on_another_distribution(desk: Desk, rie: Path, tmp_path: Path) -> None:
    pushed = desk.push("1")
    layout = tmp_path / "pulled"
    skopeo("copy", "--insecure-policy", "--src-tls-verify=false", desk.at("1"), f"oci:{layout}:it")
    is_what_lambda_takes(skopeo("inspect", "--tls-verify=false", "--raw", desk.at("1")).encode(), layout, pushed)
    answers_in_awss_emulator(desk, layout, rie, tmp_path / "container")
    sends_what_has_changed(desk, pushed)
    is_the_same_wherever_it_is_built(desk, pushed)


def is_what_lambda_takes(raw: bytes, layout: Path, pushed: Mapping[str, Any]) -> None:
    """One manifest for one architecture, no index, no attestation; gzipped tars without hard links, devices and owners."""
    manifest = json.loads(raw)
    assert oci.digest_of(raw) == pushed["digest"]
    assert manifest["mediaType"] == oci.OCI_MANIFEST
    assert set(manifest) == {
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
    }  # no subject, no annotations, no manifests
    assert {each["mediaType"] for each in manifest["layers"]} == {oci.OCI_LAYER}
    assert [each["digest"] for each in manifest["layers"]] == [each["digest"] for each in pushed["layers"]]
    said = json.loads(_blob(layout, manifest["config"]["digest"]).read_bytes())
    assert (said["os"], said["architecture"]) == ("linux", {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])
    assert len(said["rootfs"]["diff_ids"]) == len(manifest["layers"])
    assert sum(not each.get("empty_layer") for each in said["history"]) == len(manifest["layers"])
    sizes = [_unpacked(_blob(layout, each["digest"])) for each in manifest["layers"]]
    assert 100_000_000 < sum(sizes) < LIMIT


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _unpacked(layer: Path) -> int:
    """Return what a layer takes; look at all that is in it."""
    with gzip.open(layer) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            assert entry.isreg() or entry.isdir() or entry.issym(), f"{entry.name} is of type {entry.type!r}"
        while stream.read(1 << 20):  # what is behind the tar's end
            pass
        return stream.tell()


def answers_in_awss_emulator(desk: Desk, layout: Path, rie: Path, container: Path) -> None:
    """Unpack it with `umoci`, run what its configuration says as a runtime would, but for the emulator before it."""
    container.mkdir()
    _umoci("unpack", layout, container / "root")
    assert not (container / "root" / SPOILER).exists()
    _umoci("config", layout, container / "config.json")
    process = json.loads((container / "config.json").read_text())["process"]
    _add_devices(container / "root" / "dev")
    assert process["args"] == ["python3", "-m", "awslambdaric", "slsdeploy_runtime.app.handler"]
    assert process["cwd"] == "/var/task"
    variables = dict(each.split("=", 1) for each in process["env"])
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    shutil.copy(rie, container / "root" / "rie")
    inside = ["chroot", f"--userspec={LAMBDA_USER}", container / "root", "env", "-C", process["cwd"], "/rie"]
    loaded, stage = config.load(desk.root / config.FILE, overrides={}, environ={})
    project = resolve(loaded, desk.root, stage=stage, local=False, shell=SystemShell())
    (model,) = project.models
    event = {"inputs": inputs_of(model)}
    with emulating(inside, process["args"], variables, container) as function:
        assert function.ask({"slsdeploy": "ready"}) == {"ready": True, "models": [model.name]}
        expect(function.ask(event), expected(project, model, event))


def _add_devices(folder: Path) -> None:
    """Do what is left to a container's runtime: no image has devices."""
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        try:
            os.mknod(folder / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        except PermissionError:
            pytest.skip("this machine lets nobody make devices")
        (folder / name).chmod(0o666)


def _umoci(what: str, layout: Path, target: Path) -> None:
    done = subprocess.run(
        ["umoci", "raw", what, "--image", f"{layout}:it", target],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def sends_what_has_changed(desk: Desk, pushed: Mapping[str, Any]) -> None:
    """Nothing when nothing has; one line of the handler is some kilobytes."""
    again = desk.push("1")
    assert (again["digest"], again["uploaded_bytes"]) == (pushed["digest"], 0)
    assert all(layer["reused"] for layer in again["layers"])
    (desk.root / "handler.py").write_text(HANDLER.replace("1", "2"))
    changed = desk.push("2")
    assert changed["digest"] != pushed["digest"]
    assert 0 < changed["uploaded_bytes"] < 100_000
    assert [layer["name"] for layer in changed["layers"] if not layer["reused"]] == ["code"]
    (desk.root / "handler.py").write_text(HANDLER)


def is_the_same_wherever_it_is_built(desk: Desk, pushed: Mapping[str, Any]) -> None:
    """In another folder, time zone and umask, with nothing in the caches: the registry knows it under the same digest."""
    root = desk.root.parent / "another place" / "flowers"
    shutil.copytree(desk.root, root, ignore=shutil.ignore_patterns(".slsdeploy"))
    elsewhere = Desk(root, f"{desk.to}-elsewhere")
    found = elsewhere.push("1", umask=0o077, cache="another cache", TZ="Asia/Kathmandu")
    assert found["digest"] == pushed["digest"]
    assert stat.S_IMODE((root / ".slsdeploy").stat().st_mode) == 0o700  # that umask was in force

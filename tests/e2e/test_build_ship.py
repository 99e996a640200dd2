"""`build --push` and `--output` by the command line: a real registry, skopeo, engines read it; ended in the middle; on a full disk.

Packages come from the index, as for the samples.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.project import host_architecture
from tests import bases
from tests.docker_registry import DockerRegistry, docker_registry, needs_registry, needs_skopeo, skopeo
from tests.e2e import container_engines
from tests.fakes import FakeRegistry, FakeShell, FakeTask
from tests.oci_registry import Fault, OciServer, registry

IRIS = Path(__file__).parents[2] / "samples" / "iris"
pytestmark = pytest.mark.e2e
GO = {"arm64": "arm64", "x86_64": "amd64"}


def put_base(host: str) -> str:
    """Put a base into the registry; return its reference."""
    there = FakeRegistry()
    manifest = bases.add(there, f"{host}/base:1", architecture=GO[host_architecture()])
    contents = there.blobs[host, "base"]
    said = [manifest.document["config"], *manifest.document["layers"]]
    blobs = [oci.Blob(oci.Descriptor(**named(each)), "base", contents[each["digest"]]) for each in said]
    OciRegistry(FakeShell()).push(oci.Image(manifest, tuple(blobs)), oci.reference(f"{host}/base:1"), FakeTask())
    return f"{host}/base:1"


def named(said: dict[str, Any]) -> dict[str, Any]:
    return {"media_type": said["mediaType"], "digest": said["digest"], "size": said["size"]}


class Desk:
    """samples/iris as an image upon a base of ours, and the command line."""

    def __init__(self, folder: Path, base: str) -> None:
        self.root = folder / "iris"
        shutil.copytree(IRIS, self.root, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
        text = (self.root / "slsdeploy.toml").read_text()
        above = f'package = "image"\narchitecture = "{host_architecture()}"\n'
        (self.root / "slsdeploy.toml").write_text(f'{above}{text}\n[image]\nbase = "{base}"\n')
        self.change("first")

    def change(self, text: str) -> None:
        (self.root / "handler.py").write_text(f"def postprocess(outputs):\n    return outputs  # {text}\n")

    def start(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "slsdeploy", "build", str(self.root), *words]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def image(self, *words: str) -> dict[str, Any]:
        """Build; return what is said of the image."""
        running = self.start("--json", *words)
        out, err = running.communicate(timeout=300)
        assert running.returncode == 0, out + err
        return dict(json.loads(out)["image"])


@pytest.fixture(scope="module", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache for all tests here: the dependencies are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("DOCKER_CONFIG", str(tmp_path_factory.mktemp("docker")))
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@needs_registry
def test_a_change_of_a_line_sends_a_few_kilobytes(server: DockerRegistry, tmp_path: Path) -> None:
    desk = Desk(tmp_path, put_base(server.host))
    first = desk.image("--push", f"{server.host}/iris:1")
    assert first["uploaded_bytes"] > 10_000_000
    assert [layer["reused"] for layer in first["layers"][:2]] == [True, True]  # mounted
    desk.change("second")
    second = desk.image("--push", f"{server.host}/iris:2")
    assert [layer["name"] for layer in second["layers"] if not layer["reused"]] == ["code"]
    assert 0 < second["uploaded_bytes"] < 100_000
    third = desk.image("--push", f"{server.host}/iris:2")
    assert (third["uploaded_bytes"], third["digest"]) == (0, second["digest"])
    assert all(layer["reused"] for layer in third["layers"])


@needs_registry
@needs_skopeo
def test_skopeo_reads_what_was_pushed_and_written(server: DockerRegistry, tmp_path: Path) -> None:
    desk = Desk(tmp_path, put_base(server.host))
    layout, tarball = tmp_path / "layout", tmp_path / "iris.tar"
    outputs = ("--output", f"oci:{layout}:1", "--output", f"docker-archive:{tarball}:team/iris:1")
    said = desk.image("--push", f"{server.host}/shown:1", *outputs)
    raw = skopeo("inspect", "--tls-verify=false", "--raw", f"docker://{server.host}/shown:1")
    assert oci.digest_of(raw.encode()) == said["digest"]
    assert skopeo("inspect", "--raw", f"oci:{layout}:1") == raw
    layers = [layer["digest"] for layer in said["layers"]]
    assert json.loads(skopeo("inspect", f"oci:{layout}:1"))["Layers"] == layers
    config = json.loads(skopeo("inspect", "--config", f"docker-archive:{tarball}"))
    assert config == json.loads(skopeo("inspect", "--config", f"oci:{layout}:1"))
    # all of it is there, and is what its digests say: skopeo looks at each blob that it copies
    for source in (f"oci:{layout}:1", f"docker-archive:{tarball}:team/iris:1"):
        skopeo("copy", "--dest-tls-verify=false", source, f"docker://{server.host}/copied:1")


@needs_registry
@pytest.mark.parametrize("engine", container_engines.ENGINES)
def test_an_engine_loads_the_tarball_and_builds_our_dockerfile(
    server: DockerRegistry, tmp_path: Path, engine: str
) -> None:
    if reason := container_engines.why_not(engine):
        pytest.skip(reason)
    desk = Desk(tmp_path, put_base(server.host))
    path = tmp_path / "iris.tar"
    desk.image("--output", f"docker-archive:{path}:slsdeploy-test/iris:1")
    assert container_engines.run(engine, "load", "--input", str(path))
    (found,) = json.loads(container_engines.run(engine, "image", "inspect", "slsdeploy-test/iris:1"))
    with tarfile.open(path) as opened:
        (said,) = json.load(opened.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert found["Id"].removeprefix("sha256:") == said["Config"].removesuffix(".json")
    container_engines.run(engine, "image", "rm", "slsdeploy-test/iris:1")

    with (desk.root / "slsdeploy.toml").open("a") as settings:
        settings.write(f'builder = "docker"\nengine = "{engine}"\n')
    first = desk.image("--push", f"{server.host}/{engine}:1")
    assert [layer["name"] for layer in first["layers"]][-4:] == ["dependencies", "runtime", "model", "code"]
    assert first["layers"][0]["reused"]  # the base's own blob
    desk.change("again")
    again = desk.image("--push", f"{server.host}/{engine}:2")
    assert [layer["name"] for layer in again["layers"] if not layer["reused"]] == ["code"]
    container_engines.run(engine, "image", "rm", "slsdeploy/iris-dev:latest")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[OciServer]:
    with registry() as server:
        yield server


def wait_until(is_so: Any, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_while_pushing_then_again(slow: OciServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path, put_base(slow.host))
    desk.image()
    # the first three chunks of the dependencies arrive; the fourth hangs
    slow.faults = [Fault("PATCH", "team/iris", skip=3, times=1, sleep=60)]
    running = desk.start("--push", f"{slow.host}/team/iris:1")
    wait_until(lambda: slow.count("PATCH", "team/iris") >= 4, running)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert not slow.manifests.get("team/iris")  # nothing is named that is not whole
    slow.faults = []
    said = desk.image("--push", f"{slow.host}/team/iris:1")
    assert said["uploaded_bytes"] < sum(layer["bytes"] for layer in said["layers"]) - 8_000_000
    assert slow.manifests["team/iris"]["1"] == slow.manifests["team/iris"][said["digest"]]


@pytest.mark.parametrize("moment", ["resolve dependencies", "make dependencies", "check the handler"])
def test_ctrl_c_while_building_then_again(slow: OciServer, tmp_path: Path, moment: str) -> None:
    desk = Desk(tmp_path, put_base(slow.host))
    built = desk.image()["digest"]
    shutil.rmtree(desk.root / ".slsdeploy")
    (desk.root / "slsdeploy.lock").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
        running = desk.start()
        assert running.stderr is not None
        for line in running.stderr:
            if moment in line:
                break
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=60)
        assert running.returncode == 130
        assert desk.image()["digest"] == built
        assert not [*tmp_path.rglob(".draft-*"), *tmp_path.rglob(".layer-*")]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk that dependencies fit on, but not a layer of them, too."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_while_building_then_room_again(slow: OciServer, tmp_path: Path, small: Path) -> None:
    desk = Desk(tmp_path, put_base(slow.host))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLSDEPLOY_CACHE_DIR", str(small))
        rest = small / "filled"
        running = desk.start("--json")
        assert running.stderr is not None
        for line in running.stderr:
            if "make code" in line:
                with rest.open("wb") as stream:  # by somebody else, while we go on
                    fill(stream)
                break
        out, err = running.communicate(timeout=120)
        assert running.returncode == 4, out + err
        error = json.loads(out)["error"]
        assert error["message"] == "cannot write: No space left on device"
        assert str(small) in error["hint"]
        assert not [path for path in small.rglob(".*") if path.name.startswith((".draft-", ".layer-"))]
        rest.unlink()
        made = small.rglob("parts/dependencies-*/part.json")
        before = [path.stat().st_mtime_ns for path in made]
        assert desk.image()["digest"]
        assert [path.stat().st_mtime_ns for path in small.rglob("parts/dependencies-*/part.json")] == before
        assert len(before) == 1  # not made again


def fill(stream: Any) -> None:
    try:
        while True:
            stream.write(bytes(1 << 20))
            stream.flush()
    except OSError:
        return

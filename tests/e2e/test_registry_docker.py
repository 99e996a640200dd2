"""Against the reference implementation of a registry (Debian's `docker-registry`), looked at with `skopeo`."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.errors import ToolError
from tests.docker_registry import HTPASSWD, DockerRegistry, docker_registry, needs_registry, needs_skopeo, skopeo
from tests.e2e.registries import noise
from tests.fakes import FakeShell, FakeTask
from tests.images import elsewhere, image
from tests.oci_registry import registry

pytestmark = [pytest.mark.e2e, needs_registry]
MB = 1024 * 1024
QUICK = replace(Settings(), pause=0.05, longest_pause=0.5)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


def client() -> OciRegistry:
    return OciRegistry(FakeShell(), settings=QUICK)


def files(folder: Path, *sizes: int) -> list[Path]:
    made = [folder / f"layer-{number}" for number in range(len(sizes))]
    for path, size in zip(made, sizes, strict=True):
        path.write_bytes(noise(size))
    return made


def test_pushed_and_read_again(server: DockerRegistry, tmp_path: Path) -> None:
    made, to = image(*files(tmp_path, 9 * MB, 100, 5 * MB), b""), oci.Reference(server.host, "a/iris", "v1")
    task = FakeTask()
    pushed = client().push(made, to, task)
    assert pushed.uploaded_bytes == task.amount + 2 * len(made.manifest.content)
    assert client().manifest(to) == made.manifest == client().manifest(pushed.reference)
    assert client().blob(to, made.blobs[2].descriptor.digest) == (tmp_path / "layer-1").read_bytes()
    again = client().push(made, to, FakeTask())
    assert again.uploaded_bytes == 0 and len(again.reused) == 5


@needs_skopeo
@pytest.mark.parametrize("media_types", ["OCI's", "Docker's"])
def test_skopeo_takes_what_we_push(server: DockerRegistry, tmp_path: Path, media_types: str) -> None:
    layer = subprocess.run(["tar", "cz", "--files-from=/dev/null"], capture_output=True, check=True).stdout
    made, name = image(layer), "skopeo"
    if media_types == "Docker's":
        name = "docker"
        names = {
            oci.OCI_MANIFEST: oci.DOCKER_MANIFEST,
            oci.OCI_CONFIG: "application/vnd.docker.container.image.v1+json",
            oci.OCI_LAYER: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
        text = made.manifest.content.decode()
        for ours, theirs in names.items():
            text = text.replace(ours, theirs)
        made = replace(made, manifest=oci.Manifest(oci.DOCKER_MANIFEST, text.encode()))
    client().push(made, oci.Reference(server.host, name, "v1"), FakeTask())
    at = f"docker://{server.host}/{name}:v1"
    found = json.loads(skopeo("inspect", "--tls-verify=false", at))
    assert (found["Digest"], found["Layers"]) == (made.digest, [made.blobs[1].descriptor.digest])
    skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", at, f"docker://{server.host}/{name}/copy:v1")
    assert client().manifest(oci.Reference(server.host, f"{name}/copy", "v1")) == made.manifest


def test_a_neighbours_layer_is_mounted(server: DockerRegistry, tmp_path: Path) -> None:
    base, to = noise(6 * MB), oci.Reference(server.host, "mounting/base", "v1")
    client().push(image(base), to, FakeTask())
    made = image(elsewhere(base, to), b"own")
    pushed = client().push(made, oci.Reference(server.host, "mounting/own", "v1"), FakeTask())
    assert pushed.uploaded_bytes < 3000 and made.blobs[1].descriptor.digest in pushed.reused


def test_a_base_is_streamed_from_another_registry(server: DockerRegistry, tmp_path: Path) -> None:
    base = noise(9 * MB)
    with registry() as source:
        source.add_blob("lambda/python", base)
        made = image(elsewhere(base, oci.Reference(source.host, "lambda/python")), b"own")
        client().push(made, to := oci.Reference(server.host, "streamed", "v1"), FakeTask())
        assert source.count("GET") == 1
    assert client().manifest(to) == made.manifest
    assert client().blob(to, made.blobs[1].descriptor.digest) == base


def test_killed_midway_and_started_again(tmp_path: Path) -> None:
    """Between two chunks: what was sent before is not sent again, by the next run."""
    made = image(*files(tmp_path, 20 * MB))
    with docker_registry(tmp_path / "registry") as server:
        to = oci.Reference(server.host, "a", "v1")

        class Killer(FakeTask):
            def advance(self, amount: int) -> None:
                super().advance(amount)
                if self.amount == 8 * MB + made.blobs[0].descriptor.size:  # two chunks have arrived
                    server.kill()

        with pytest.raises(ToolError, match=r"no registry answers at|cut the connection") as raised:
            OciRegistry(FakeShell(), settings=replace(QUICK, attempts=3)).push(made, to, Killer())
        assert raised.value.hint
        server.start()
        with pytest.raises(ToolError, match="does not have it"):
            client().manifest(to)
        task = FakeTask()
        pushed = client().push(made, to, task)
        assert pushed.uploaded_bytes == 12 * MB + 2 * len(made.manifest.content)
        assert task.amount == sum(each.descriptor.size for each in made.blobs)
        assert client().manifest(to) == made.manifest
        assert client().push(made, to, FakeTask()).uploaded_bytes == 0


def test_it_waits_for_a_registry_that_comes_back(tmp_path: Path) -> None:
    made = image(*files(tmp_path, 20 * MB))
    with docker_registry(tmp_path / "registry") as server:
        restarts: list[threading.Thread] = []

        def restart() -> None:
            time.sleep(0.3)
            server.start()

        class Killer(FakeTask):
            def advance(self, amount: int) -> None:
                super().advance(amount)
                if self.amount > 10 * MB and not restarts:  # in the middle of a chunk: all of it is lost there
                    server.kill()
                    restarts.append(threading.Thread(target=restart))
                    restarts[0].start()

        to = oci.Reference(server.host, "a", "v1")
        client().push(made, to, Killer())
        restarts[0].join()
        assert client().manifest(to) == made.manifest
        assert client().push(made, to, FakeTask()).uploaded_bytes == 0


# It sends the signal to itself, so that no machine is done before.
_PUSH = """
import os
import signal
import sys
import time
from pathlib import Path
from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from tests.fakes import FakeShell, FakeTask
from tests.images import image

class Shown(FakeTask):
    def advance(self, amount):
        before = self.amount
        super().advance(amount)
        if before <= 9 * 1024**2 < self.amount:
            print(time.time(), flush=True)
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
try:
    made = image(*map(Path, sys.argv[2:]))
    print(OciRegistry(FakeShell()).push(made, oci.reference(sys.argv[1]), Shown()).uploaded_bytes)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_then_again(server: DockerRegistry, tmp_path: Path) -> None:
    layers = files(tmp_path, 48 * MB)
    argv = [sys.executable, "-c", _PUSH, f"{server.host}/interrupted:v1", *map(str, layers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=False)
    ended = time.time()
    assert done.returncode == 130, done.stderr
    assert ended - float(done.stdout) < 15
    made, to = image(*layers), oci.Reference(server.host, "interrupted", "v1")
    with pytest.raises(ToolError):
        client().manifest(to)
    pushed = client().push(made, to, FakeTask())
    assert pushed.uploaded_bytes <= 40 * MB + 3000  # Docker's registry loses uploads only in the middle of a chunk
    assert client().manifest(to) == made.manifest


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path / "guarded", HTPASSWD) as made:
        yield made


def test_a_login_is_needed_and_used(guarded: DockerRegistry, tmp_path: Path) -> None:
    made, to = image(noise(5 * MB)), oci.Reference(guarded.host, "a", "v1")
    with pytest.raises(ToolError, match=f"{guarded.host} wants a login") as raised:
        client().push(made, to, FakeTask())
    assert raised.value.hint.startswith(f"`docker login {guarded.host}`")
    for password, passes in (("wrong", False), ("secret", True)):
        auth = base64.b64encode(f"iris:{password}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": auth}}}))
        if passes:
            client().push(made, to, FakeTask())
            assert client().manifest(to) == made.manifest
        else:
            with pytest.raises(ToolError, match="does not take the login that there is for it"):
                client().push(made, to, FakeTask())


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_what_podman_login_keeps_is_used(
    guarded: DockerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    argv = ["podman", "login", "--tls-verify=false", "--username=iris", "--password-stdin", guarded.host]
    subprocess.run(argv, input="secret", text=True, capture_output=True, check=True, timeout=60)
    assert (tmp_path / "run/containers/auth.json").is_file()
    made, to = image(noise(1000)), oci.Reference(guarded.host, "a", "v1")
    client().push(made, to, FakeTask())
    assert client().manifest(to) == made.manifest

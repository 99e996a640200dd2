"""An image rebuilt and pushed after a one-line change, and after none: ours beside engines, in turns, to a real registry.

    ours            `slsdeploy build`, then `slsdeploy build --push`
    docker          `docker build` of templates/image.Dockerfile with the same parts in its context, then `docker push`
    buildah         the same with `buildah bud` and `buildah push`
    docker, code    the least that an engine can do: dependencies, runtime and model are in its base already, only the code is copied

Debian's docker-registry is needed; docker.io and buildah are measured where they are there (a daemon is started when none runs, by root).
The base is made here, so that nothing is pulled. Bytes are those that the registry's storage grew by. Ratios are medians of the rounds'
own. Goals: 20 times faster than docker and buildah after a change, and below 100 kB sent; under 1 s and nothing sent without one.

Engines read all of their context to see what changed, and we do not: their rebuilds take longer the larger the model is.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builds.timing import Rounds, table, timed
from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.shell import SystemShell

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("dependencies", "runtime", "model", "code")
DOCKERFILE = ROOT / "templates" / "image.Dockerfile"
CODE_ALONE = 'ARG BASE\nFROM ${BASE}\nCOPY code/ /var/\nCMD ["slsdeploy_runtime.app.handler"]\n'
HANDLER = "def postprocess(outputs):\n    return outputs  # round {}\n"
TOML = '\npackage = "image"\narchitecture = "{}"\n'
MACHINES = {"x86_64": ("x86_64", "amd64"), "aarch64": ("arm64", "arm64"), "arm64": ("arm64", "arm64")}
TITLES = {
    "changed": "rebuild after a one-line change",
    "unchanged": "rebuild with no change",
    "bytes": "sent after a one-line change",
    "bytes unchanged": "sent with no change",
}


class Quiet:
    """Shows nothing."""

    def advance(self, amount: int) -> None: ...

    def describe(self, text: str) -> None: ...


@dataclass
class Contestant(Rounds):
    """Who builds: the commands, and what they took."""

    build: Sequence[str] = ()
    push: Sequence[str] = ()
    code: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict)

    def round(self, number: int, storage: Path) -> None:
        """Change a line, build, build again, push, push again; keep what that took, but of the first round."""
        self.code.write_text(HANDLER.format(number))
        measured = {"changed": timed(self.build, self.env), "unchanged": timed(self.build, self.env)}
        for name in ("bytes", "bytes unchanged"):
            before = weight(storage)
            timed(self.push, self.env)
            measured[name] = weight(storage) - before
        if number:
            self.keep(measured)


def weight(folder: Path) -> int:
    """Return the bytes of the blobs in a registry's storage."""
    return sum(file.stat().st_size for file in folder.rglob("blobs/sha256/*/*/data"))


@contextmanager
def running(argv: Sequence[str], is_up: Sequence[str] | tuple[str, int], log: Path) -> Iterator[None]:
    """Run a server until the block ends; `is_up` is a program that succeeds then, or an address that answers."""
    with log.open("w") as stream, subprocess.Popen(argv, stdout=stream, stderr=stream) as server:
        try:
            for _ in range(300):
                if server.poll() is not None:
                    raise SystemExit(f"{argv[0]} ended:\n{log.read_text()[-2000:]}")
                if answers(is_up):
                    break
                time.sleep(0.1)
            yield
        finally:
            server.terminate()
            server.wait(60)


def answers(is_up: Sequence[str] | tuple[str, int]) -> bool:
    """Say whether a server is there."""
    if isinstance(is_up[1], int):
        with socket.socket() as client:
            return client.connect_ex((str(is_up[0]), is_up[1])) == 0
    return subprocess.run([str(word) for word in is_up], capture_output=True, check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def registry(folder: Path, stack: ExitStack) -> str:
    """Start a registry; return its host."""
    port = free_port()
    (folder / "storage").mkdir()
    settings = {"version": 0.1, "http": {"addr": f"127.0.0.1:{port}"}, "log": {"level": "error"}}
    settings["storage"] = {"filesystem": {"rootdirectory": str(folder / "storage")}}
    (folder / "registry.yml").write_text(json.dumps(settings))
    argv = ["docker-registry", "serve", str(folder / "registry.yml")]
    stack.enter_context(running(argv, ("127.0.0.1", port), folder / "registry.log"))
    return f"127.0.0.1:{port}"


def push_base(host: str, machine: str) -> str:
    """Put a base that could be Lambda's, but for its size, into the registry; return its reference."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("var", "var/task", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    layer, diff_id = gzip.compress(stream.getvalue(), mtime=0), oci.digest_of(stream.getvalue())
    settings = {
        "Entrypoint": ["/lambda-entrypoint.sh"],
        "Env": ["LAMBDA_RUNTIME_DIR=/var/runtime"],
        "WorkingDir": "/var/task",
    }
    config = json.dumps(
        {
            "architecture": machine,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created_by": "benchmark"}],
        }
    ).encode()
    blobs = [
        oci.Blob(oci.Descriptor(media_type, oci.digest_of(content), len(content)), "base", content)
        for media_type, content in ((oci.DOCKER_CONFIG, config), (oci.DOCKER_LAYER, layer))
    ]
    document = {"schemaVersion": 2, "mediaType": oci.DOCKER_MANIFEST}
    document |= {"config": blobs[0].descriptor.document(), "layers": [blobs[1].descriptor.document()]}
    image = oci.Image(oci.Manifest(oci.DOCKER_MANIFEST, json.dumps(document).encode()), tuple(blobs))
    OciRegistry(SystemShell()).push(image, oci.reference(f"{host}/base:1"), Quiet())
    return f"{host}/base:1"


def save_model(path: Path, megabytes: int) -> None:
    """Write a model with so many MB of weights that do not compress."""
    import numpy as np
    import onnx

    rows = megabytes * 250
    weights = np.random.default_rng(0).standard_normal((rows, 1000), dtype=np.float32)
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["w", "rows"], ["y"])],
        "g",
        [tensor("rows", onnx.TensorProto.INT64, [None])],
        [tensor("y", onnx.TensorProto.FLOAT, [None, 1000])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


def project(folder: Path, architecture: str, base: str, megabytes: int) -> Path:
    """Write the project: samples/iris with a handler, as an image; with another model when one of a size is wanted."""
    made = folder / "iris"
    shutil.copytree(ROOT / "samples/iris", made, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
    text = (made / "slsdeploy.toml").read_text()
    name, _, rest = text.partition("\n")
    (made / "slsdeploy.toml").write_text(f'{name}{TOML.format(architecture)}{rest}\n[image]\nbase = "{base}"\n')
    (made / "handler.py").write_text(HANDLER.format("before"))
    if megabytes:
        save_model(made / "iris.onnx", megabytes)
        (made / "slsdeploy.toml").write_text('optimize = "off"\n' + (made / "slsdeploy.toml").read_text())
    return made


def unpack(bundle: Path, context: Path) -> None:
    """Make a build context: a folder for each part, with what our layers have."""
    for part in PARTS:
        (context / part).mkdir(parents=True)
        (layer,) = (bundle / "archives").glob(f"{part}-*.tar.gz")
        with tarfile.open(layer) as archive:
            archive.extractall(context / part, filter="data")
        (context / part / "var" / "task").rename(context / part / "task")
        (context / part / "var").rmdir()


def engines(folder: Path, host: str, base: str, stack: ExitStack) -> Iterator[Contestant]:
    """Make those whose programs are there ready: base pulled, context written."""
    context = folder / "context"
    code = context / "code/task/handler.py"
    if shutil.which("docker") and (socket := daemon(folder, stack)) is not None:
        env = {"DOCKER_HOST": socket} if socket else {}
        to = f"{host}/by-docker:1"
        parts = ["docker", "build", "--build-arg", f"BASE={base}", "--file", str(DOCKERFILE), "--tag", to, str(context)]
        yield Contestant("docker", {}, parts, ["docker", "push", to], code, env)
        least = folder / "least"
        shutil.copytree(context / "code", least / "code")
        (least / "Dockerfile").write_text(CODE_ALONE)
        below, above = f"{host}/below:1", f"{host}/code-alone:1"
        timed(
            ["docker", "build", "--build-arg", f"BASE={base}", "--file", str(DOCKERFILE), "--tag", below, str(context)],
            env,
        )
        argv = ["docker", "build", "--build-arg", f"BASE={below}", "--tag", above, str(least)]
        yield Contestant("docker, code", {}, argv, ["docker", "push", above], least / "code/task/handler.py", env)
    if shutil.which("buildah"):
        to = f"{host}/by-buildah:1"
        own = ["buildah", "--root", str(folder / "buildah"), "--runroot", str(folder / "buildah-run")]
        argv = [*own, "bud", "--layers", "--tls-verify=false", "--build-arg", f"BASE={base}", "--file", str(DOCKERFILE)]
        push = [*own, "push", "--tls-verify=false", to]
        yield Contestant("buildah", {}, [*argv, "--tag", to, str(context)], push, code)


def daemon(folder: Path, stack: ExitStack) -> str | None:
    """Return where a Docker daemon answers ("": where the client looks by itself), None when there is none and none can be started."""
    if answers(["docker", "version"]):
        return ""
    if not shutil.which("dockerd") or os.getuid() != 0:
        return None
    place = folder / "docker"
    place.mkdir()
    address = f"unix://{place}/sock"
    argv = ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "-H", address]
    argv += ["--data-root", f"{place}/data", "--exec-root", f"{place}/exec", "--pidfile", f"{place}/pid"]
    stack.enter_context(running(argv, ["docker", "-H", address, "version"], folder / "docker.log"))
    return address


def measure(megabytes: int, runs: int) -> None:
    """Measure with a model of that size, and print."""
    if not shutil.which("docker-registry"):
        raise SystemExit("docker-registry is not there: apt-get install docker-registry")
    architecture, machine = MACHINES[platform.machine()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        host = registry(folder, stack)
        base = push_base(host, machine)
        made = project(folder, architecture, base, megabytes)
        build = [sys.executable, "-m", "slsdeploy", "build", str(made), "--json"]
        ours = Contestant("ours", {}, build, [*build, "--push", f"{host}/ours:1"], made / "handler.py")
        timed(ours.build, {})
        unpack(made / ".slsdeploy/dev/bundle", folder / "context")
        contestants = [ours, *engines(folder, host, base, stack)]
        for number in range(runs + 1):
            for each in contestants:
                each.round(number, folder / "storage")
            print(f"round {number} of {runs}{'' if number else ' (not counted)'}", file=sys.stderr)
        print(f"\nmodel: {(made / 'iris.onnx').stat().st_size:,} bytes\n")
        print("\n".join(table(contestants, TITLES)))

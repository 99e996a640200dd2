"""Images whose way goes wrong: bases that are damaged, gone or none for Lambda, caches that rot, two builds at once.

The registry is a small one on loopback that misbehaves when told so; the client and the build are the real ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app, oci
from slsdeploy.bundle import lock
from slsdeploy.config import FILE
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import BuildError, ConfigError, ProjectError, ToolError
from slsdeploy.results.prepare import Built
from slsdeploy.tools import Tools
from tests import bases, models, wheelhouse
from tests.building import HANDLER, House, save_model
from tests.e2e.registries import client
from tests.fakes import FakeCloud, FakeReporter
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
REPOSITORY = "lambda/python"


@dataclass
class Desk:
    """A project with a base and a place to push to, both at registries on loopback."""

    house: House
    theirs: OciServer
    ours: OciServer

    @property
    def base(self) -> str:
        return f"{self.theirs.host}/{REPOSITORY}:3.13"

    def tools(self) -> Tools:
        return Tools(SystemShell(), FakeReporter(), lambda _: FakeCloud(), client(chunk=1 << 20))

    def build(self, push: str = "team/iris:1") -> Built:
        return app.build(app.Where(self.house.root), self.tools(), f"{self.ours.host}/{push}" if push else "")

    def put(self, name: str, document: Any, media_type: str) -> str:
        """Put a manifest there under a tag; return its digest."""
        content = json.dumps(document).encode()
        kept = self.theirs.manifests.setdefault(REPOSITORY, {})
        kept[name] = kept[oci.digest_of(content)] = (media_type, content)
        return oci.digest_of(content)

    def put_base(self, tag: str = "3.13", *, typed: bool = True, layer_type: str = oci.OCI_LAYER) -> dict[str, Any]:
        """Put an image there that is whole."""
        blobs = [bases.layer({"etc/os-release": b"ID=test"}), bases.layer({"etc/version": tag.encode()})]
        config = {
            "architecture": "arm64",
            "os": "linux",
            "config": bases.LAMBDAS,
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in blobs]},
        }
        document = {
            "schemaVersion": 2,
            **({"mediaType": oci.OCI_MANIFEST} if typed else {}),
            "config": self.add(json.dumps(config).encode(), oci.OCI_CONFIG),
            "layers": [self.add(blob, layer_type) for blob, _ in blobs],
        }
        self.put(tag, document, oci.OCI_MANIFEST)
        return document

    def add(self, content: bytes, media_type: str) -> dict[str, Any]:
        self.theirs.add_blob(REPOSITORY, content)
        return oci.Descriptor(media_type, oci.digest_of(content), len(content)).document()

    def pushed(self, name: str = "1") -> Any:
        """Return the manifest that is there under a tag, or None."""
        found = self.ours.manifests.get("team/iris", {}).get(name)
        return json.loads(found[1]) if found else None


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    index = wheelhouse.use(tmp_path, monkeypatch)
    (tmp_path / "iris").mkdir()
    save_model(tmp_path / "iris" / "iris.onnx")
    with registry() as theirs, registry() as ours:
        made = Desk(House(tmp_path / "iris", index), theirs, ours)
        made.house.write("handler.py", HANDLER)
        made.house.write(
            FILE, f'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n[image]\nbase = "{made.base}"\n'
        )
        made.put_base()
        yield made


def test_a_manifest_without_its_own_type_is_asked_for_once(desk: Desk) -> None:
    """OCI leaves it open: https://github.com/opencontainers/image-spec/blob/main/manifest.md."""
    desk.put_base(typed=False)
    first = desk.build()
    desk.theirs.asked.clear()
    shutil.rmtree(desk.house.root / ".slsdeploy")
    second = desk.build()
    assert desk.theirs.asked == []
    assert first.image is not None and second.image is not None
    assert first.image["digest"] == second.image["digest"]
    assert desk.pushed()["mediaType"] == oci.OCI_MANIFEST


def test_layers_that_rot_in_the_cache_are_made_anew(desk: Desk, tmp_path: Path) -> None:
    whole = desk.build(push="").image
    assert whole is not None
    rotten = list((tmp_path / "cache" / "parts").glob("*/layer.tar.gz"))
    for layer in rotten:
        content = bytearray(layer.read_bytes())
        content[len(content) // 2] ^= 255
        with layer.open("r+b") as stream:  # the very file, which the bundle has, too
            stream.write(content)
    with pytest.raises(BuildError, match="has changed since it was built: its digest does not match") as raised:
        desk.build()
    assert raised.value.hint == "run this again: the layer is made anew"
    assert desk.pushed() is None
    found = None
    for _ in rotten:  # at worst each run finds one more
        with contextlib.suppress(BuildError):
            found = desk.build().image
    assert found is not None and found["digest"] == whole["digest"]
    assert desk.pushed() is not None


@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_an_image_whose_documents_are_damaged_is_put_together_anew(desk: Desk, name: str, how: str) -> None:
    first = desk.build(push="").image
    (path,) = desk.house.root.glob(f".slsdeploy/*/bundle/image/{name}")
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-10])
    second = desk.build().image
    assert first is not None and second is not None and first["digest"] == second["digest"]


def test_a_copy_of_the_base_that_is_damaged_is_asked_for_again(desk: Desk, tmp_path: Path) -> None:
    desk.build(push="")
    copies = list((tmp_path / "cache" / "images").glob("*.json"))
    assert len(copies) == 2
    for path in copies:
        path.write_bytes(path.read_bytes().replace(b"sha256:", b"sha257:"))
        desk.theirs.asked.clear()
        desk.build(push="")
        assert desk.theirs.count("GET") == 2
        assert b"sha257" not in path.read_bytes()


@pytest.mark.parametrize("what", ["layer", "configuration", "manifest"])
def test_a_base_that_is_not_all_there(desk: Desk, tmp_path: Path, what: str) -> None:
    document = desk.put_base()
    if what == "manifest":  # it is pinned, then its tag is moved and the old one removed
        desk.build(push="")
        shutil.rmtree(tmp_path / "cache" / "images")
        desk.theirs.manifests.clear()
        desk.put_base()
        desk.put("3.13", {**document, "annotations": {"newer": "yes"}}, oci.OCI_MANIFEST)
        desk.theirs.manifests[REPOSITORY].pop(oci.digest_of(json.dumps(document).encode()))
    else:
        missing = document["layers"][1] if what == "layer" else document["config"]
        del desk.theirs.blobs[REPOSITORY][missing["digest"]]
    with pytest.raises(ToolError, match=f"cannot read .*: {desk.theirs.host} does not have it") as raised:
        desk.build()
    assert "`slsdeploy lock --base` takes what the tag names now" in raised.value.hint
    assert desk.pushed() is None
    if what == "manifest":
        app.lock(app.Where(desk.house.root), desk.tools(), {"base"})
    else:
        desk.put_base()
    assert desk.build().image is not None
    assert desk.pushed() is not None


def index(*entries: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": list(entries)}


def entry(architecture: Any, **more: Any) -> dict[str, Any]:
    said = oci.Descriptor(oci.OCI_MANIFEST, f"sha256:{'0' * 64}", 3).document()
    return {**said, "platform": {"os": "linux", "architecture": architecture}, **more}


def configured(desk: Desk, good: dict[str, Any], content: bytes) -> dict[str, Any]:
    return {**good, "config": desk.add(content, oci.OCI_CONFIG)}


def image(**changes: Any) -> bytes:
    rootfs = {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]}
    return json.dumps({"architecture": "arm64", "os": "linux", "rootfs": rootfs, **changes}).encode()


SCHEMA_1 = {"schemaVersion": 1, "name": "x", "fsLayers": []}
ODD: dict[str, tuple[Any, str, str]] = {
    "schema 1": (SCHEMA_1, "application/vnd.docker.distribution.manifest.v1+prettyjws", "is of Docker's schema 1"),
    "schema 1 without its type": (SCHEMA_1, "application/json", "is of Docker's schema 1"),
    "another architecture": (index(entry("s390x")), oci.OCI_INDEX, "has no image for linux/arm64"),
    "an empty index": (index(), oci.OCI_INDEX, "has no image for linux/arm64"),
    "no index": ({"schemaVersion": 2, "mediaType": oci.OCI_INDEX}, oci.OCI_INDEX, "has no image for linux/arm64"),
    "entries of nothing": (index({}, 1, entry([1]), entry("arm64", digest=1)), oci.OCI_INDEX, "has no image for linux"),
    "zstd": (
        lambda desk, _: desk.put_base(layer_type=f"{oci.OCI_LAYER[:-4]}zstd"),
        "",
        "that Lambda may not take: .*zstd",
    ),
    "no layers": (lambda _, good: {**good, "layers": None}, "", "does not say what it is made of"),
    "layers of nothing": (lambda _, good: {**good, "layers": [{}]}, "", "does not say what it is made of"),
    "no configuration": (lambda _, good: {**good, "config": None}, "", "does not say what it is made of"),
    "no JSON": (lambda desk, good: configured(desk, good, b"\xff"), "", "its configuration is none of an image"),
    "a list": (lambda desk, good: configured(desk, good, b"[]"), "", "its configuration is none of an image"),
    "a chart": (lambda desk, good: configured(desk, good, b"{}"), "", "its configuration is none of an image"),
    "odd settings": (
        lambda desk, good: configured(desk, good, image(config=[1])),
        "",
        "its configuration is none of an",
    ),
    "odd variables": (
        lambda desk, good: configured(desk, good, image(config={"Env": [1]})),
        "",
        "its configuration is none",
    ),
    "other layers": (
        lambda desk, good: configured(desk, good, image(rootfs={"diff_ids": ["x"]})),
        "",
        "not the same layers",
    ),
    "another machine": (
        lambda desk, good: configured(desk, good, image(architecture="amd64")),
        "",
        "is for amd64, the fun",
    ),
    "another Python": (
        lambda desk, good: configured(desk, good, image(config={"Env": ["PYTHON_VERSION=3.12.4"]})),
        "",
        "has Python 3.12, the function is for 3.13",
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_a_base_that_is_none_is_refused_before_anything_is_built(desk: Desk, what: str) -> None:
    document, media_type, message = ODD[what]
    said = document(desk, desk.put_base()) if callable(document) else document
    desk.put("3.13", said, media_type or oci.OCI_MANIFEST)
    with pytest.raises((ProjectError, ToolError), match=message) as raised:
        desk.build()
    assert raised.value.hint and "there is ;" not in raised.value.hint
    assert desk.ours.asked == []
    assert not (desk.house.root / lock.FILE).exists()


def test_an_index_in_an_index(desk: Desk) -> None:
    inner = desk.put("inner", index(), oci.OCI_INDEX)
    desk.put("3.13", index(entry("arm64", digest=inner)), oci.OCI_INDEX)
    with pytest.raises(ProjectError, match="has a manifest that Lambda does not take"):
        desk.build()


def test_a_project_without_a_model_says_so(desk: Desk) -> None:
    desk.house.write(FILE, f'name = "iris"\npackage = "image"\n[image]\nbase = "{desk.base}"\n')
    with pytest.raises(ConfigError) as raised:
        desk.build()
    (problem,) = raised.value.problems
    assert problem.key == "model"
    assert desk.ours.asked == []


# --- whole processes ------------------------------------------------------------------------------------------------------------


def start(desk: Desk, tag: str, root: Path | None = None) -> subprocess.Popen[str]:
    to = f"{desk.ours.host}/team/iris:{tag}"
    argv = [sys.executable, "-m", "slsdeploy", "build", str(root or desk.house.root), "--push", to, "--json"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def end(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    """Return its exit code, its document, and what it said."""
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, json.loads(out), err


def test_builds_at_once_of_one_project_and_of_its_copy(desk: Desk, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(desk.house.root, copy)
    runs = [start(desk, "1"), start(desk, "2"), start(desk, "3", copy)]
    ended = [end(each) for each in runs]
    assert [code for code, _, _ in ended] == [0, 0, 0], ended
    digests = {document["image"]["digest"] for _, document, _ in ended}
    assert len(digests) == 1
    manifests = [desk.pushed(tag) for tag in ("1", "2", "3")]
    assert manifests[0] is not None and manifests == [manifests[0]] * 3
    kept = desk.ours.blobs["team/iris"]
    assert {each["digest"] for each in (manifests[0]["config"], *manifests[0]["layers"])} <= set(kept)
    assert [*(tmp_path / "cache").rglob(".draft-*"), *(tmp_path / "cache").rglob(".layer-*")] == []


def test_ctrl_c_while_it_pushes_then_again(desk: Desk) -> None:
    """At the first request of an upload, then at the manifest, when all layers are there; each time before the answer."""
    desk.build(push="")
    for method, path in (("POST", "/blobs/uploads/"), ("PUT", "/manifests/sha256:")):
        desk.ours.faults = [Fault(method, path, times=9, sleep=5)]
        desk.ours.asked.clear()
        process = start(desk, "1")
        deadline = time.monotonic() + 60
        while not desk.ours.count(method, path) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        code, said, err = end(process)
        assert code == 130 and "Traceback" not in err, err
        assert (said["error"]["type"], said["error"]["hint"]) == ("Interrupted", "the same command goes on from here")
        assert time.monotonic() - began < 20
        assert desk.pushed() is None
    desk.ours.faults = []
    desk.ours.asked.clear()
    code, said, err = end(start(desk, "1"))
    assert code == 0, err
    assert all(layer["reused"] for layer in said["image"]["layers"])
    assert desk.ours.count("POST") == 2  # the bill of materials, and the empty configuration of its manifest
    assert desk.pushed() is not None


_FULL = """
import json, subprocess, sys
from pathlib import Path
from slsdeploy.errors import SlsdeployError
from tests.building import House

house, cache = House(Path(sys.argv[1]), Path(sys.argv[2])), sys.argv[3]
def build(kilobytes):
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", cache], check=True)
    try:
        bundle = house.build(local=True)
        return [kilobytes, "built", bundle.image.digest]
    except SlsdeployError as error:
        return [kilobytes, type(error).__name__, error.message, error.hint]
    finally:
        left = [str(path) for name in (".draft-*", ".layer-*") for path in Path(cache).rglob(name)]
        assert not left, left

print(json.dumps([build(size) for size in json.loads(sys.argv[4])]))
"""


def test_a_disk_that_is_full_while_layers_are_packed(desk: Desk, tmp_path: Path) -> None:
    """The cache is on a small disk that grows from run to run: too small for the parts, then for their layers, then large enough."""
    cache = tmp_path / "cache"
    cache.mkdir(exist_ok=True)
    mount = f"mount -t tmpfs -o size=64m none {cache} && "
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "sh", "-c", f"{mount} true"], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    models.linear(desk.house.root / "iris.onnx", width=1000)  # 4 MB of weights: 4 MB of layer
    sizes = [200, 1000, 3000, *range(4000, 13000, 1000), 64000]
    argv = [unshare, "-m", "sh", "-c", f'{mount} exec "$0" "$@"', sys.executable, "-c", _FULL]
    argv += [str(desk.house.root), str(desk.house.index), str(cache), json.dumps(sizes)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results[-1][1] == "built"
    failed = [each for each in results if each[1] != "built"]
    assert len(failed) >= 2
    for _, kind, message, hint in failed:
        assert kind == "ToolError" and "No space left" in message and hint and "Traceback" not in message, message
    assert {digest for _, kind, digest, *_ in results if kind == "built"} == {results[-1][2]}

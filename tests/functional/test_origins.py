"""Models that do not ship: pinned, fetched once, described in the bundle and not in it; and what is said when they are not there."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from slsdeploy import app
from slsdeploy.app import Where
from slsdeploy.config import FILE
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError, ToolError
from slsdeploy.rules import model_storage
from slsdeploy.tools import Tools
from slsdeploy.types import Project
from tests import wheelhouse
from tests.building import save_model
from tests.fakes import FakeCloud, FakeRegistry, FakeReporter

TOML = 'name = "iris"\nmodel = "s3://weights/iris/iris.onnx"\n'
URI = "s3://weights/iris/iris.onnx"


class Desk:
    """A project without a model of its own, an account in memory, and how often it was connected to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cloud = FakeCloud()
        self.connected = 0
        self.reporter = FakeReporter()
        self.tools = Tools(SystemShell(), self.reporter, self._connect, FakeRegistry())
        self.where = Where(root)

    def _connect(self, project: Project) -> FakeCloud:
        self.connected += 1
        return self.cloud

    def write(self, text: str) -> None:
        (self.root / FILE).write_text(text)

    def build(self) -> dict[str, Any]:
        """Build; return the model's entry of the manifest."""
        built = app.build(self.where, self.tools)
        document = json.loads((Path(built.path) / "task" / "slsdeploy.json").read_bytes())
        entry: dict[str, Any] = document["models"][0]
        return entry

    @property
    def lock(self) -> dict[str, Any]:
        return tomllib.loads((self.root / "slsdeploy.lock").read_text())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    wheelhouse.use(tmp_path, monkeypatch)
    (tmp_path / "iris").mkdir()
    made = Desk(tmp_path / "iris")
    made.write(TOML)
    return made


@pytest.fixture
def model(tmp_path: Path) -> Callable[[float], bytes]:
    """The bytes of a model; another factor is another model of the same size."""

    def make(factor: float = 1.0) -> bytes:
        save_model(tmp_path / "made.onnx", factor)
        return (tmp_path / "made.onnx").read_bytes()

    return make


def forget_copies(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "objects")


def test_it_is_pinned_fetched_and_described_and_does_not_ship(desk: Desk, model: Callable[..., bytes]) -> None:
    content = model()
    desk.cloud.put("weights", "iris/iris.onnx", content, "v1")
    entry = desk.build()
    sha256, etag = hashlib.sha256(content).hexdigest(), f'"{hashlib.md5(content).hexdigest()}"'
    size = len(content)
    said = {"name": "iris.onnx", "key": "iris/iris.onnx", "version": "v1", "etag": etag, "bytes": size}
    assert desk.lock["model"] == [{"uri": URI, "region": "us-east-1", "file": [{**said, "sha256": sha256}]}]
    assert entry["remote"] == {"bucket": "weights", "region": "us-east-1", "files": [{**said, "digest": sha256}]}
    assert (entry["digest"], entry["bytes"], entry["inputs"][0]["name"]) == (sha256, size, "x")
    built = app.build(desk.where, desk.tools)
    assert [part["files"] for part in built.parts if part["name"] == "model"] == [0]
    assert not list(Path(built.path).glob("archives/model-*"))  # Lambda refuses an empty layer


def test_with_pin_and_copy_nobody_is_asked(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    first = desk.build()
    desk.connected = 0
    (desk.root / ".slsdeploy/dev/bundle/bundle.json").unlink()
    assert desk.build() == first
    assert app.check(desk.where, desk.tools).problems == []
    app.template(desk.where, desk.tools)
    assert desk.connected == 0


def test_up_twice_is_nothing_the_second_time(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    assert app.up(desk.where, desk.tools).changed
    text = json.dumps(desk.cloud.stacks["iris-dev"].template)
    assert '"s3:GetObjectVersion"' in text and '"weights/iris/iris.onnx"' in text
    desk.cloud.calls.clear()
    desk.cloud.reads.clear()
    assert not app.up(desk.where, desk.tools).changed
    assert desk.cloud.calls == []
    assert desk.cloud.reads == ["find s3://weights/iris/iris.onnx"]  # that it is still there


def test_a_newer_version_changes_nothing_here_or_on_another_machine(
    desk: Desk, model: Callable[..., bytes], tmp_path: Path
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    first = desk.build()
    desk.cloud.put("weights", "iris/iris.onnx", model(2.0), "v2")
    assert desk.build() == first
    forget_copies(tmp_path)
    assert desk.build() == first


def test_the_pin_moves_when_told_to_and_the_requirements_stay(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    desk.build()
    before = desk.lock
    desk.cloud.put("weights", "iris/iris.onnx", model(2.0), "v2")
    assert app.lock(desk.where, desk.tools, set()).models[0]["version"] == "v1"
    locked = app.lock(desk.where, desk.tools, {"models"})
    assert locked.models[0]["version"] == desk.lock["model"][0]["file"][0]["version"] == "v2"
    assert desk.lock["target"] == before["target"]
    assert desk.build()["remote"]["files"][0]["version"] == "v2"


def test_a_pin_that_cannot_be_moved_stays(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    desk.build()
    before = desk.lock
    desk.cloud.kept.clear()
    with pytest.raises(ProjectError, match=f"there is no {URI}"):
        app.lock(desk.where, desk.tools, {"models", "requirements"})
    assert desk.lock == before


def test_another_stages_pin_stays(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.write(TOML + '[stages.prod]\nmodel = "s3://weights/prod.onnx"\n')
    desk.cloud.put("weights", "iris/iris.onnx", model())
    desk.cloud.put("weights", "prod.onnx", model(2.0))
    desk.build()
    app.build(Where(desk.root, stage="prod"), desk.tools)
    app.lock(desk.where, desk.tools, {"models"})
    assert [pin["uri"] for pin in desk.lock["model"]] == [URI, "s3://weights/prod.onnx"]


def test_an_object_that_was_replaced_is_an_error_before_anything_is_deployed(
    desk: Desk, model: Callable[..., bytes], tmp_path: Path
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    desk.build()
    desk.cloud.put("weights", "iris/iris.onnx", model(2.0))
    desk.build()  # asks nobody
    for command in (app.plan, app.up):
        with pytest.raises(
            ProjectError, match=r"is not what slsdeploy.lock pins any more: another has taken"
        ) as caught:
            command(desk.where, desk.tools)
    assert caught.value.hint.startswith(f"`slsdeploy lock {desk.root} --models` pins what is there now")
    forget_copies(tmp_path)
    with pytest.raises(ProjectError, match="another has taken its place"):
        desk.build()
    assert desk.cloud.calls == []


def test_a_version_that_was_deleted_is_an_error(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    desk.build()
    desk.cloud.kept.clear()
    with pytest.raises(ProjectError, match=r"iris.onnx \(version v1\) is not what .* any more: it was deleted"):
        app.plan(desk.where, desk.tools)


def test_the_same_content_in_another_version_is_as_good(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    desk.build()
    desk.cloud.kept.clear()
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v2")
    app.plan(desk.where, desk.tools)
    assert f"{URI} is the same in version v2: pinned" in desk.reporter.notes
    assert desk.lock["model"][0]["file"][0]["version"] == "v2"


def test_what_is_not_there_says_how_to_put_it(desk: Desk) -> None:
    with pytest.raises(ProjectError, match=f"^there is no {URI}$") as caught:
        desk.build()
    assert caught.value.hint == f"put it there: `aws s3 cp iris.onnx {URI}`"
    desk.cloud.endpoint = "http://127.0.0.1:4580"
    with pytest.raises(ProjectError, match=f"^the local AWS has no {URI}$") as caught:
        app.build(Where(desk.root, local=True), desk.tools)
    assert f"aws --endpoint-url http://127.0.0.1:4580 --region us-east-1 s3 cp iris.onnx {URI}`" in caught.value.hint
    assert not (desk.root / "slsdeploy.lock").exists()


def test_a_local_pin_is_nobody_elses_business(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    app.build(Where(desk.root, local=True), desk.tools)
    assert "model" not in desk.lock
    local = tomllib.loads((desk.root / ".slsdeploy/dev-local/slsdeploy.lock").read_text())
    assert [pin["uri"] for pin in local["model"]] == [URI]


def with_external_data(folder: Path, location: str) -> bytes:
    """A model whose weights are in another file; return its own bytes."""
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [3.0, 1.0])
    tensor, result = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Mul", ["x", "w"], ["y"])], "g", [tensor], [result], [weight])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    raw = onnx.numpy_helper.to_array(weight).tobytes()
    stored = made.graph.initializer[0]
    stored.ClearField("float_data")
    stored.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(raw)))):
        stored.external_data.add(key=key, value=value)
    (folder / "w.data").write_bytes(raw)
    return bytes(made.SerializeToString())


def test_its_weights_in_another_file_come_along(desk: Desk, tmp_path: Path) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", with_external_data(tmp_path, "data/w.data"))
    with pytest.raises(ProjectError, match=r"keeps its weights in s3://weights/iris/data/w.data, which is not there"):
        desk.build()
    desk.cloud.put("weights", "iris/data/w.data", (tmp_path / "w.data").read_bytes())
    entry = desk.build()
    assert [file["name"] for file in entry["remote"]["files"]] == ["iris.onnx", "data/w.data"]
    assert entry["bytes"] == sum(file["bytes"] for file in entry["remote"]["files"])


def test_a_key_is_taken_as_it_is(desk: Desk, tmp_path: Path) -> None:
    desk.write(TOML.replace("iris/iris.onnx", "a//b/../$x.onnx"))
    desk.cloud.put("weights", "a//b/../$x.onnx", with_external_data(tmp_path, "./w.data"))
    desk.cloud.put("weights", "a//b/../w.data", (tmp_path / "w.data").read_bytes())
    files = desk.build()["remote"]["files"]
    assert [(file["name"], file["key"]) for file in files] == [
        ("$x.onnx", "a//b/../$x.onnx"),
        ("w.data", "a//b/../w.data"),
    ]


def test_the_same_content_under_two_keys_is_fetched_once_each(desk: Desk, model: Callable[..., bytes]) -> None:
    desk.write('name = "iris"\n[models.a]\npath = "s3://weights/a.onnx"\n[models.b]\npath = "s3://weights/b.onnx"\n')
    for key in ("a.onnx", "b.onnx"):
        desk.cloud.put("weights", key, model())
    desk.build()
    desk.build()
    assert [read for read in desk.cloud.reads if read.startswith("download")] == [
        "download s3://weights/a.onnx",
        "download s3://weights/b.onnx",
    ]


def test_a_cache_that_cannot_be_written_is_said_to_be(
    desk: Desk, model: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ToolError, match=r"^cannot write: Not a directory$"):
        app.up(desk.where, desk.tools)


@pytest.mark.parametrize("location", ["../w.data", "/etc/passwd"])
def test_weights_outside_of_its_folder_are_refused(desk: Desk, tmp_path: Path, location: str) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", with_external_data(tmp_path, location))
    desk.cloud.put("weights", "w.data", b"never")
    with pytest.raises(ProjectError, match="keeps its weights outside its own folder"):
        desk.build()
    assert desk.cloud.reads == [f"find {URI}", f"download {URI}"]


def test_what_is_no_model_is_not_pinned(desk: Desk) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", b"PK\3\4 something else")
    with pytest.raises(ProjectError, match="is not "):
        desk.build()
    assert not (desk.root / "slsdeploy.lock").exists()


def test_a_damaged_copy_is_fetched_anew(desk: Desk, model: Callable[..., bytes], tmp_path: Path) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    first = desk.build()
    (copy,) = (tmp_path / "cache/objects").glob("*/iris.onnx")
    copy.write_bytes(b"short")
    assert desk.build() == first
    copy.write_bytes(model(2.0))  # as long
    with pytest.raises(ProjectError, match=r"the copy of .* in the cache was damaged; it is removed"):
        desk.build()
    assert desk.build() == first


def test_check_says_what_is_not_known_and_asks_nobody(desk: Desk) -> None:
    (problem,) = app.check(desk.where, desk.tools).problems
    assert (problem["rule"], problem["severity"], problem["path"]) == ("model-missing", "note", URI)
    assert desk.connected == 0


def test_a_model_too_large_for_tmp_is_refused_before_it_is_deployed(
    desk: Desk, model: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model())
    desk.write(TOML + "ephemeral_storage = 4096\n")
    app.plan(desk.where, desk.tools)
    monkeypatch.setattr(model_storage, "MB", 0.01)  # instead of a model of 4 GB
    with pytest.raises(
        ProjectError, match=r"the models in S3 are .* MiB; /tmp, where they are fetched to, has 4,096 MB"
    ):
        app.up(desk.where, desk.tools)
    assert desk.cloud.calls == []


def test_a_damaged_lock_is_said_to_be(desk: Desk) -> None:
    (desk.root / "slsdeploy.lock").write_text("version = 1\n[[model]]\n")
    with pytest.raises(ProjectError, match=r"slsdeploy.lock cannot be read: 'uri'"):
        desk.build()


EFS = """
name = "iris"
model = "efs:/mnt/models/iris/1.onnx"
include = ["**/*.onnx", "*.txt"]
[vpc]
subnets = ["subnet-0123abcd"]
security_groups = ["sg-89abcdef"]
[file_system]
arn = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
"""


def test_a_model_on_a_file_system_is_built_with_a_copy_that_does_not_ship(
    desk: Desk, model: Callable[..., bytes]
) -> None:
    desk.write(EFS)
    (desk.root / "efs/iris").mkdir(parents=True)
    (desk.root / "efs/iris/1.onnx").write_bytes(model())
    (desk.root / "efs/iris/2.onnx").write_bytes(model(2.0))
    (desk.root / "words.txt").write_text("these do")
    (desk.root / "efs/words.txt").write_text("these do not")
    entry = desk.build()
    assert (entry["root"], entry["path"]) == ("", "/mnt/models/iris/1.onnx")
    assert entry["remote"] == {"files": [{"name": "1.onnx", "bytes": len(model())}]}
    assert entry["digest"] == hashlib.sha256(model()).hexdigest()
    folder = desk.root / ".slsdeploy/dev/bundle"
    shipped = sorted(path.name for path in (folder / "task").rglob("*") if path.is_file())
    assert shipped == ["slsdeploy.json", "words.txt"]
    assert not list(folder.glob("opt/models/**/*.onnx"))
    assert desk.connected == 0


def test_without_the_copy_it_says_what_to_copy(desk: Desk) -> None:
    desk.write(EFS)
    with pytest.raises(ProjectError, match=r"^efs/iris/1.onnx does not exist: the copy of /mnt/models/iris/1.onnx"):
        desk.build()


def test_with_locked_what_is_not_pinned_is_refused_before_anybody_is_asked(
    desk: Desk, model: Callable[..., bytes]
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    with pytest.raises(ProjectError, match=f"--locked: {URI} is not pinned") as caught:
        app.build(replace(desk.where, locked=True), desk.tools)
    assert "slsdeploy lock" in caught.value.hint
    assert desk.connected == 0
    assert not (desk.root / "slsdeploy.lock").exists()


def test_what_lock_pins_suffices_for_locked_without_a_copy(
    desk: Desk, model: Callable[..., bytes], tmp_path: Path
) -> None:
    desk.cloud.put("weights", "iris/iris.onnx", model(), "v1")
    app.lock(desk.where, desk.tools, set())
    content = (desk.root / "slsdeploy.lock").read_bytes()
    desk.cloud.put("weights", "iris/iris.onnx", model(2.0), "v2")
    forget_copies(tmp_path)
    shutil.rmtree(desk.root / ".slsdeploy")
    app.up(replace(desk.where, locked=True), desk.tools)
    assert (desk.root / "slsdeploy.lock").read_bytes() == content


def test_with_locked_the_same_in_another_version_is_refused(desk: Desk, model: Callable[..., bytes]) -> None:
    content = model()
    desk.cloud.put("weights", "iris/iris.onnx", content, "v1")
    app.lock(desk.where, desk.tools, set())
    before = (desk.root / "slsdeploy.lock").read_bytes()
    desk.cloud.kept.clear()
    desk.cloud.put("weights", "iris/iris.onnx", content, "v2")
    with pytest.raises(ProjectError, match=r"--locked: .* is the same in another version"):
        app.plan(replace(desk.where, locked=True), desk.tools)
    assert (desk.root / "slsdeploy.lock").read_bytes() == before

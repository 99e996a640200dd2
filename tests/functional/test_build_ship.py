"""`build --push` and `build --output`: where images go, and what is said of it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app, oci
from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError, ToolError
from slsdeploy.results.prepare import Built
from slsdeploy.tools import Task
from tests import bases
from tests.building import HANDLER, House
from tests.fakes import FakeRegistry

TOML = 'name = "iris"\nmodel = "iris.onnx"\n'
IMAGE = f'{TOML}package = "image"\n'
TO = "localhost:5000/team/iris"
OURS = ["dependencies", "runtime", "model", "code"]


@pytest.fixture
def project(house: House) -> House:
    house.write("handler.py", HANDLER)
    house.write(FILE, IMAGE)
    bases.add(house.registry)
    return house


def build(project: House, *outputs: str, push: str = "", local: bool = False) -> Built:
    return app.build(app.Where(project.root, local=local), project.tools(), push, outputs)


def shown(built: Built) -> Mapping[str, Any]:
    assert built.image is not None
    return built.image


def test_an_image_is_pushed_and_what_was_there_is_said(project: House) -> None:
    said = shown(build(project, push=f"{TO}:1.0"))
    assert said["reference"] == f"{TO}:1.0@{said['digest']}"
    assert [layer["name"] for layer in said["layers"]] == ["base", "base", *OURS]
    assert [layer["reused"] for layer in said["layers"]] == [False] * 6
    assert said["uploaded_bytes"] > sum(layer["bytes"] for layer in said["layers"])
    there = project.registry.manifest(oci.reference(f"{TO}:1.0"))
    assert there.digest == said["digest"]
    assert [layer["digest"] for layer in there.document["layers"]] == [layer["digest"] for layer in said["layers"]]

    project.write("handler.py", f"{HANDLER}# changed\n")
    again = shown(build(project, push=f"{TO}:1.1"))
    assert [layer["name"] for layer in again["layers"] if not layer["reused"]] == ["code"]
    assert shown(build(project, push=f"{TO}:1.1"))["uploaded_bytes"] == 0


def test_without_a_tag_it_is_docker_s_latest(project: House) -> None:
    said = shown(build(project, push=TO))
    assert said["reference"] == f"{TO}:latest@{said['digest']}"


def test_without_push_the_image_is_shown_all_the_same(project: House) -> None:
    said = shown(build(project))
    assert (said["reference"], said["uploaded_bytes"], said["outputs"]) == ("", 0, [])
    assert [(layer["name"], layer["reused"]) for layer in said["layers"]] == [
        (name, None) for name in ("base", "base", *OURS)
    ]
    project.write(FILE, TOML)
    assert build(project).image is None


def test_auto_means_an_image_when_it_is_pushed(project: House) -> None:
    project.write(FILE, TOML)
    built = build(project, push=TO)
    assert built.package == "image"
    assert any('package = "auto": an image' in note for note in project.reporter.notes)


@pytest.mark.parametrize(
    ("toml", "push", "outputs", "message", "hint"),
    [
        (f'{TOML}package = "zip"\n', TO, (), "--push is for images", "--set package=image"),
        (f'{TOML}package = "layer"\n', "", ("oci",), "--output is for images", "--set package=image"),
        (IMAGE, f"{TO}@sha256:{'0' * 64}", (), "nothing can be pushed as", "name a tag"),
        (IMAGE, "localhost:5000/Iris", (), "is no reference to an image", "lower-case"),
        (IMAGE, "", ("tar",), 'there is no --output "tar"', "docker-archive"),
        (IMAGE, "", ("oci:here:no tag",), "is no tag", "oci:iris-image:1.0"),
        (IMAGE, "", ("docker-archive:here:No Name",), "is no reference", "lower-case"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(
    project: House, toml: str, push: str, outputs: tuple[str, ...], message: str, hint: str
) -> None:
    project.write(FILE, toml)
    with pytest.raises(ProjectError, match=message) as raised:
        build(project, *outputs, push=push)
    assert hint in raised.value.hint
    assert not (project.root / ".slsdeploy").exists()


def test_a_local_image_goes_nowhere_else(project: House) -> None:
    with pytest.raises(ProjectError, match="of this machine, and has no base") as raised:
        build(project, push=TO, local=True)
    assert "leave out --local" in raised.value.hint


def test_a_layout_has_the_whole_image(project: House, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "iris"
    said = shown(build(project, f"oci:{folder}:1.0"))
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == said["digest"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "1.0"}
    manifest = json.loads((folder / "blobs/sha256" / entry["digest"][7:]).read_bytes())
    for descriptor in (entry, manifest["config"], *manifest["layers"]):
        content = (folder / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()
        assert (oci.digest_of(content), len(content)) == (descriptor["digest"], descriptor["size"])
    assert len(list((folder / "blobs/sha256").iterdir())) == 2 + len(manifest["layers"])
    assert said["outputs"] == [
        {"type": "oci", "path": str(folder), "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())}
    ]


def test_the_next_image_takes_the_layout_s_place(project: House) -> None:
    first = shown(build(project, "oci"))
    folder = Path(first["outputs"][0]["path"])
    assert folder == project.root / ".slsdeploy/dev/image-oci"
    project.write("handler.py", f"{HANDLER}# changed\n")
    second = shown(build(project, "oci"))
    names = {path.name for path in (folder / "blobs/sha256").iterdir()}
    assert second["digest"][7:] in names and first["digest"][7:] not in names
    assert len(names) == 8


def test_a_tarball_is_what_docker_load_takes(project: House, tmp_path: Path) -> None:
    path = tmp_path / "iris.tar"
    said = shown(build(project, f"docker-archive:{path}:team/iris"))
    with tarfile.open(path) as opened:
        contents = {entry.name: opened.extractfile(entry).read() for entry in opened}  # type: ignore[union-attr]
        assert all((entry.uid, entry.gid, entry.mtime) == (0, 0, 0) for entry in opened.getmembers())
    (image,) = json.loads(contents["manifest.json"])
    assert image["RepoTags"] == ["team/iris:latest"]
    config = contents[image["Config"]]
    assert hashlib.sha256(config).hexdigest() == image["Config"].removesuffix(".json")
    assert [oci.digest_of(contents[name]) for name in image["Layers"]] == json.loads(config)["rootfs"]["diff_ids"]
    with tarfile.open(fileobj=io.BytesIO(contents[image["Layers"][-1]])) as layer:
        assert "var/task/handler.py" in layer.getnames()
    assert said["outputs"] == [{"type": "docker-archive", "path": str(path), "bytes": path.stat().st_size}]
    assert path.stat().st_size % 512 == 0


def test_a_tarball_is_named_after_the_stack(project: House) -> None:
    (output,) = shown(build(project, "docker-archive"))["outputs"]
    with tarfile.open(output["path"]) as opened:
        (image,) = json.load(opened.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert image["RepoTags"] == ["iris-dev:latest"]


def test_two_builds_are_the_same_files(project: House, move: Callable[[House], None], tmp_path: Path) -> None:
    first = shown(build(project, f"oci:{tmp_path}/a", f"docker-archive:{tmp_path}/a.tar"))
    move(project)
    second = shown(build(project, f"oci:{tmp_path}/b", f"docker-archive:{tmp_path}/b.tar"))
    assert first["digest"] == second["digest"]
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    a, b = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "a", tmp_path / "b")
    )
    assert a == b


def test_the_base_is_fetched_once(project: House, tmp_path: Path) -> None:
    build(project, f"oci:{tmp_path}/a")
    project.registry.asked.clear()
    build(project, f"oci:{tmp_path}/b", f"docker-archive:{tmp_path}/b.tar")
    assert project.registry.asked == []


def test_a_base_that_cannot_be_had_is_said(project: House) -> None:
    build(project)
    project.registry.blobs.clear()
    with pytest.raises(
        ToolError, match="are not on this machine, and cannot be fetched: cannot read the blob"
    ) as raised:
        build(project, "oci")
    assert bases.NAME in raised.value.message
    assert not (project.root / ".slsdeploy/dev/image-oci").exists()


def test_a_base_layer_that_is_damaged_in_the_cache_is_fetched_again(project: House, tmp_path: Path) -> None:
    base = project.registry.manifest(oci.reference(bases.NAME))
    build(project, f"docker-archive:{tmp_path}/a.tar")
    digest = base.document["layers"][0]["digest"]
    (kept,) = (project.root.parent / "cache").rglob(f"blobs/{digest.removeprefix('sha256:')}")
    damage(kept)
    project.registry.asked.clear()
    build(project, f"docker-archive:{tmp_path}/b.tar")
    assert project.registry.asked == [digest]
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_layer_of_ours_that_is_damaged_is_no_image(project: House, tmp_path: Path) -> None:
    built = build(project)
    (code,) = Path(built.path).glob("archives/code-*.tar.gz")
    damage(code)
    with pytest.raises(ToolError, match="is damaged") as raised:
        build(project, f"docker-archive:{tmp_path}/iris.tar")
    assert raised.value.where == str(code)
    assert not list(tmp_path.glob("*.tar*"))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("output", ["oci", "docker-archive"])
def test_something_else_is_not_overwritten(project: House, tmp_path: Path, output: str) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / "thesis.txt").write_text("years of work")
    with pytest.raises(ProjectError, match=r"has something else in it|is a folder"):
        build(project, f"{output}:{place}")
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_a_layout_with_several_images_is_not_touched(project: House, tmp_path: Path) -> None:
    place = tmp_path / "several"
    build(project, f"oci:{place}")
    index = json.loads((place / "index.json").read_bytes())
    (place / "index.json").write_text(json.dumps({**index, "manifests": index["manifests"] * 2}))
    with pytest.raises(ProjectError, match="has other images"):
        build(project, f"oci:{place}")


class Interrupted(FakeRegistry):
    """Where the second blob is asked for, something happens once."""

    def __init__(self, there: FakeRegistry, what: BaseException) -> None:
        self.__dict__ = there.__dict__
        self.what: BaseException | None = what
        self.fetched: list[str] = []

    def blob_to(self, reference: oci.Reference, descriptor: oci.Descriptor, path: Path, task: Task) -> None:
        if self.fetched and self.what:
            path.write_bytes(b"half")
            what, self.what = self.what, None
            raise what
        self.fetched.append(descriptor.digest)
        super().blob_to(reference, descriptor, path, task)


@pytest.mark.parametrize("output", ["oci", "docker-archive"])
@pytest.mark.parametrize("what", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_rerun_goes_on_where_it_was_stopped(project: House, output: str, what: BaseException) -> None:
    build(project)
    registry = Interrupted(project.registry, what)
    project.registry = registry
    with pytest.raises((KeyboardInterrupt, ToolError)) as raised:
        build(project, output)
    if isinstance(raised.value, ToolError):
        assert raised.value.message == "cannot write: No space left on device"
        assert "--output" in raised.value.hint
    cache = project.root.parent / "cache"
    assert not list(cache.rglob("blobs/.draft-*"))
    build(project, output)
    base = registry.manifest(oci.reference(bases.NAME)).document["layers"]
    assert registry.fetched == [layer["digest"] for layer in base]  # each once


def test_what_a_killed_run_left_of_a_layout_is_taken_up(project: House, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    build(project, f"oci:{whole}")
    shutil.copytree(whole, killed)
    (killed / "index.json").unlink()
    some = sorted((killed / "blobs/sha256").iterdir())
    some[0].unlink()
    (killed / "blobs/sha256/.half").write_bytes(b"half")
    build(project, f"oci:{killed}")
    assert {p.name for p in (killed / "blobs/sha256").iterdir()} == {p.name for p in (whole / "blobs/sha256").iterdir()}


def test_every_layer_is_in_the_history_though_the_base_has_none(project: House) -> None:
    """Engines refuse an image whose history has fewer layers than there are."""
    bases.add(project.registry, has_history=False)
    build(project, push=TO)
    manifest = project.registry.manifest(oci.reference(TO))
    config = json.loads(project.registry.blob(oci.reference(TO), manifest.document["config"]["digest"]))
    assert [each["created_by"] for each in config["history"]] == [
        "base",
        "base",
        *(f"slsdeploy: {name}" for name in OURS),
    ]

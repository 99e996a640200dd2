"""Layers of images to folders: what is taken away, what may not get out, how large they may be."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest

from slsdeploy.local.functions import image_layers
from slsdeploy.local.functions.artifacts import Artifacts
from slsdeploy.local.functions.trees import remove_tree
from slsdeploy.local.functions.values import ContainerImage, FunctionSpec, ImageLayer
from tests import specs

Member = tarfile.TarInfo


def file(name: str, content: str = "", mode: int = 0o644) -> tuple[Member, bytes]:
    member = Member(name)
    member.size, member.mode = len(content), mode
    return member, content.encode()


def special(name: str, kind: bytes, target: str = "") -> tuple[Member, bytes]:
    member = Member(name)
    member.type, member.linkname, member.mode = kind, target, 0o755
    return member, b""


def folder(name: str) -> tuple[Member, bytes]:
    return special(name, tarfile.DIRTYPE)


def link(name: str, target: str) -> tuple[Member, bytes]:
    return special(name, tarfile.SYMTYPE, target)


def hard(name: str, target: str) -> tuple[Member, bytes]:
    return special(name, tarfile.LNKTYPE, target)


class Layers:
    """Layers as blobs, and what they become."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._count = 0

    def blob(self, *members: tuple[Member, bytes], packed: Literal["w:gz", "w"] = "w:gz") -> Path:
        self._count += 1
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode=packed) as archive:
            for member, data in members:
                archive.addfile(member, io.BytesIO(data))
        path = self.root / f"blob-{self._count}"
        path.write_bytes(content.getvalue())
        return path

    def lay(self, *layers: Sequence[tuple[Member, bytes]]) -> dict[str, str]:
        """Return what is there in the end: paths to contents, links as "-> target", empty folders as "/"."""
        places = []
        for number, members in enumerate(layers):
            place = self.root / f"layer-{number}"
            place.mkdir()
            image_layers.extract(self.blob(*members), place)
            places.append(place)
        laid = self.root / "laid"
        laid.mkdir()
        image_layers.lay(places, laid)
        return shown(laid)

    def extract(self, *members: tuple[Member, bytes], limit: int = image_layers.LIMIT) -> Path:
        place = self.root / "layer"
        place.mkdir()
        image_layers.extract(self.blob(*members), place, limit)
        return place


def shown(root: Path) -> dict[str, str]:
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[name] = "/"
    return found


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path)


def test_only_what_is_mounted_is_written(layers: Layers) -> None:
    found = layers.lay(
        [
            folder("./"),
            folder("./var"),
            file("./var/log/messages", "no"),
            file("./var/task/app.py", "code"),
            file("var/taskforce/x", "no"),
            file("etc/passwd", "no"),
            file("/opt/bin/tool", "tool", 0o755),
            special("dev/null", tarfile.CHRTYPE),
            special("var/task/null", tarfile.CHRTYPE),
            special("var/task/pipe", tarfile.FIFOTYPE),
        ]
    )
    assert found == {"task/app.py": "code", "opt/bin/tool": "tool"}
    assert (layers.root / "laid/opt/bin/tool").stat().st_mode & 0o777 == 0o555
    assert (layers.root / "laid/task/app.py").stat().st_mode & 0o777 == 0o444


def test_an_image_without_either_has_empty_folders(layers: Layers) -> None:
    assert layers.lay([file("etc/passwd")]) == {"task": "/", "opt": "/"}


def test_a_layer_lies_over_the_one_below(layers: Layers) -> None:
    found = layers.lay(
        [file("var/task/a", "old"), file("var/task/d/b", "b"), file("var/task/f", "file"), link("var/task/l", "a")],
        [file("var/task/a", "new"), file("var/task/f/inner", "folder now"), file("var/task/l", "file now")],
        [file("var/task/d", "file now")],
    )
    assert found == {
        "opt": "/",
        "task/a": "new",
        "task/d": "file now",
        "task/f/inner": "folder now",
        "task/l": "file now",
    }


def test_whiteouts_take_away_what_lies_below_and_nothing_of_their_own_layer(layers: Layers) -> None:
    found = layers.lay(
        [file("var/task/a", "a"), file("var/task/d/b", "b"), file("var/task/kept", "kept"), file("opt/x", "x")],
        [file("var/task/.wh.a"), file("var/task/.wh.d"), file("var/task/d/own", "own"), file(".wh.opt")],
    )
    assert found == {"opt": "/", "task/d/own": "own", "task/kept": "kept"}


@pytest.mark.parametrize(
    "name", ["var/task/d/.wh..wh..opq", "var/task/.wh..wh..opq", "var/.wh..wh..opq", ".wh..wh..opq"]
)
def test_an_opaque_folder_hides_what_lies_below_wherever_its_mark_stands(layers: Layers, name: str) -> None:
    found = layers.lay(
        [file("var/task/d/below", "below"), file("var/task/other", "other")],
        [file("var/task/d/own", "own"), file(name)],
        [file("var/task/d/above", "above")],
    )
    left = {"task/other": "other"} if "/d/" in name else {}
    assert found == {"opt": "/", "task/d/above": "above", "task/d/own": "own", **left}


def test_a_whiteout_of_a_folder_above_takes_the_mounted_one_away(layers: Layers) -> None:
    assert layers.lay([file("var/task/a", "a")], [file(".wh.var")], [file("var/task/b", "b")]) == {
        "opt": "/",
        "task/b": "b",
    }


def test_links_are_kept_and_never_followed(layers: Layers, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    found = layers.lay(
        [link("var/task/out", str(outside)), link("opt/up", "../../..")],
        [file("var/task/out/written", "inside"), file("opt/.wh.up")],
    )
    assert found == {"opt": "/", "task/out/written": "inside"}  # the folder of the upper layer took the link's place
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([file("var/task/../../x")], "outside of it"),
        ([file("../x")], "outside of it"),
        ([link("var/task/a", "/tmp"), file("var/task/a/x")], "behind a link"),
        ([link("var/task/a", "."), folder("var/task/a/b/")], "behind a link"),
        ([link("var", "/tmp"), file("var/task/x")], "is no folder"),
        ([link("var/task", "/tmp")], "is no folder"),
        ([file("opt", "x")], "is no folder"),
        ([file("var/task/a"), file("var/task/a/b")], "below a file"),
        ([file("var/task/a/b"), file("var/task/a")], "as a folder and as a file"),
        ([hard("var/task/a", "/etc/passwd")], "hard link to /etc/passwd"),
        ([hard("var/task/a", "var/task/missing")], "hard link to var/task/missing"),
        ([hard("var/task/a", "../../etc/passwd")], "outside of it"),
        ([link("var/task/l", "/etc/passwd"), hard("var/task/a", "var/task/l")], "hard link"),
        ([link("var/task/l", "/etc"), hard("var/task/a", "var/task/l/passwd")], "behind a link"),
        ([file("var/task/.wh...")], "has no name"),
        ([file("var/task/.wh..")], "has no name"),
        ([file("var/task/.wh.")], "has no name"),
    ],
)
def test_what_gets_out_or_contradicts_itself_is_refused(
    layers: Layers, members: list[tuple[Member, bytes]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        layers.extract(*members)


def test_hard_links_within_a_layer_are_one_file(layers: Layers) -> None:
    place = layers.extract(file("var/task/a", "same"), hard("var/task/d/b", "./var/task/a"))
    first, second = place / "tree/var/task/a", place / "tree/var/task/d/b"
    assert first.stat().st_ino == second.stat().st_ino


def test_a_later_member_of_the_same_name_replaces_the_earlier(layers: Layers) -> None:
    assert layers.lay([file("var/task/a", "1"), file("var/task/a", "2")]) == {"opt": "/", "task/a": "2"}


def test_a_layer_is_no_larger_than_allowed_whatever_is_skipped(layers: Layers) -> None:
    with pytest.raises(ValueError, match=r"^Uncompressed container image size exceeds .* GiB limit$"):
        layers.extract(file("usr/lib/huge", "x" * 600), file("var/task/a", "x" * 600), limit=1000)


def test_together_they_are_no_larger_than_lambda_takes(layers: Layers) -> None:
    half = image_layers.Facts(6 * 1024**3, Counter(), Counter())
    image_layers.check_size([half])
    with pytest.raises(ValueError, match="exceeds 10 GiB limit"):
        image_layers.check_size([half, half])


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x28\xb5\x2f\xfd zstd"])
def test_what_is_no_tar_is_refused(tmp_path: Path, content: bytes) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(content)
    with pytest.raises(ValueError, match="is no tar"):
        image_layers.extract(blob, tmp_path)


def test_a_layer_that_is_cut_off_is_refused(layers: Layers, tmp_path: Path) -> None:
    blob = layers.blob(file("var/task/a", "x" * 100_000), packed="w")
    blob.write_bytes(blob.read_bytes()[:50_000])
    (tmp_path / "cut").mkdir()
    with pytest.raises(ValueError, match="is no tar"):
        image_layers.extract(blob, tmp_path / "cut")


@pytest.mark.parametrize(
    ("names", "python"),
    [
        (["var/task/numpy/core.cpython-313-x86_64-linux-gnu.so"], "3.13"),
        (["var/task/__pycache__/app.cpython-312.pyc", "usr/lib/python3.9/os.py", "usr/lib/python3.9/re.py"], "3.12"),
        (["var/lang/lib/python3.14/os.py", "var/task/app.py"], "3.14"),
        (["var/task/app.py"], ""),
    ],
)
def test_its_files_tell_which_python_an_image_is_for(layers: Layers, names: list[str], python: str) -> None:
    place = layers.extract(*(file(name) for name in names))
    assert image_layers.python_of([image_layers.facts(place)]) == python


@pytest.fixture
def spec() -> Callable[..., FunctionSpec]:
    def make(*blobs: Path) -> FunctionSpec:
        image = ContainerImage("here/app", "sha256:0", tuple(ImageLayer(f"sha256:{each.name}", each) for each in blobs))
        return specs.spec(image)

    return make


def test_a_layer_is_extracted_once(layers: Layers, tmp_path: Path, spec: Callable[..., FunctionSpec]) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    below, first, second = (layers.blob(file(f"var/task/{name}", name)) for name in ("below", "first", "second"))
    one = artifacts.mounts(spec(below, first))
    below.unlink()  # the registry has it no more; the cache has
    two = artifacts.mounts(spec(below, second))
    assert shown(one.task) == {"below": "below", "first": "first"}
    assert shown(two.task) == {"below": "below", "second": "second"}
    assert (one.task / "below").stat().st_ino == (two.task / "below").stat().st_ino
    with pytest.raises(ValueError, match="the image was deleted"):
        artifacts.mounts(spec(tmp_path / "gone"))
    remove_tree(tmp_path / "cache")

"""Archives become folders: whole or not at all, read-only, inside of their folder."""

from __future__ import annotations

import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from slsdeploy.local.functions.artifacts import Artifacts
from slsdeploy.local.functions.trees import remove_tree
from slsdeploy.local.functions.values import Archive, FunctionSpec
from tests import specs


def archive(digest: str, files: dict[str, str], modes: dict[str, int] | None = None) -> Archive:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (modes or {}).get(name, 0o100644) << 16
            made.writestr(member, text)
    return Archive(digest, buffer.getvalue)


def spec(code: Archive, *layers: Archive) -> FunctionSpec:
    return specs.spec(code, layers=layers, runtime="python3.13")


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "cache")


def test_code_and_layers_get_their_folders(artifacts: Artifacts) -> None:
    one = archive("one", {"python/a.py": "1", "python/b.py": "1"})
    two = archive("two", {"python/a.py": "2", "models/m.onnx": "m"})
    mounts = artifacts.mounts(spec(archive("code", {"app.py": "x", "sub/y.py": "y"}), one, two))
    assert (mounts.task / "sub/y.py").read_text() == "y"
    assert [(mounts.opt / "python" / name).read_text() for name in ("a.py", "b.py")] == ["2", "1"]
    assert (mounts.opt / "models/m.onnx").read_text() == "m"
    # What a later layer covers is still there for those that have the first one only.
    alone = artifacts.mounts(spec(archive("code", {}), one))
    assert (alone.opt / "python/a.py").read_text() == "1"


def test_files_are_read_only_and_only_programs_executable(artifacts: Artifacts) -> None:
    code = archive("code", {"a": "", "b": ""}, {"a": 0o100600, "b": 0o100711})
    mounts = artifacts.mounts(spec(code))
    assert stat.S_IMODE((mounts.task / "a").stat().st_mode) == 0o444
    assert stat.S_IMODE((mounts.task / "b").stat().st_mode) == 0o555


def test_links_stay_links(artifacts: Artifacts) -> None:
    code = archive("code", {"a": "1", "l": "a"}, {"l": stat.S_IFLNK | 0o777})
    mounts = artifacts.mounts(spec(code))
    assert (mounts.task / "l").readlink() == Path("a")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_a_member_outside_is_refused_and_nothing_is_left(artifacts: Artifacts, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        artifacts.mounts(spec(archive("bad", {"good": "", name: ""})))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


LINK = stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("l", "l/x"), "behind a link: l/x"),
        (("l", "l/a/b/x"), "behind a link: l/a/b/x"),
        (("l", "l/a/"), "behind a link: l/a/"),
        (("a/l", "a/l/x"), "behind a link: a/l/x"),
        (("l", "./l/x"), "behind a link"),
        (("x", "x"), "twice: x"),
        (("x", "./x"), "twice"),
        (("x", "x/"), "twice: x/"),
    ],
)
def test_a_link_leads_no_later_member_out(
    artifacts: Artifacts, tmp_path: Path, names: tuple[str, str], why: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name twice
        link = zipfile.ZipInfo(names[0])
        link.external_attr = LINK << 16
        made.writestr(link, str(outside / "x" if names[0] == "x" and names[1] != "x/" else outside))
        made.writestr(zipfile.ZipInfo(names[1]), "" if names[1].endswith("/") else "bad")
    with pytest.raises(ValueError, match=why):
        artifacts.mounts(spec(Archive("bad", buffer.getvalue)))
    assert list(outside.iterdir()) == []


def test_a_file_twice_is_refused(artifacts: Artifacts) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("a/x", "1")
        made.writestr("a//x", "2")
    with pytest.raises(ValueError, match="twice"):
        artifacts.mounts(spec(Archive("bad", buffer.getvalue)))


def test_what_is_no_zip_is_refused_as_lambda_says_it(artifacts: Artifacts) -> None:
    with pytest.raises(ValueError, match="Could not unzip"):
        artifacts.mounts(spec(Archive("bad", lambda: b"no zip")))


def test_an_archive_is_read_once(artifacts: Artifacts) -> None:
    reads: list[int] = []
    good = archive("code", {"a": "1"})

    def read() -> bytes:
        reads.append(1)
        return good.read()

    for layers in ((), (archive("one", {"b": "1"}),), ()):
        artifacts.mounts(spec(Archive("code", read), *layers))
    assert len(reads) == 1


def test_two_that_share_a_cache_do_not_meet(tmp_path: Path) -> None:
    first, second = Artifacts(tmp_path / "cache"), Artifacts(tmp_path / "cache")
    good = archive("code", {"a": "1"})

    def read() -> bytes:
        second.mounts(spec(good))  # meanwhile, the other one does the same
        return good.read()

    assert (first.mounts(spec(Archive("code", read))).task / "a").read_text() == "1"
    assert [path.name for path in (tmp_path / "cache/archives").iterdir()] == ["code"]


def test_what_nobody_used_for_a_week_is_removed(artifacts: Artifacts, tmp_path: Path) -> None:
    old = artifacts.mounts(spec(archive("old", {"a/b": "1"})))
    for path in (tmp_path / "cache").glob("*/*"):
        os.utime(path, (0, 0))
    new = artifacts.mounts(spec(archive("new", {"a/b": "1"})))
    artifacts.clean()
    assert not old.task.exists() and (new.task / "a/b").is_file()
    assert len(list((tmp_path / "cache").glob("*/*"))) == 2


def test_a_tree_of_read_only_folders_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_text("x")
    (tmp_path / "a/b").chmod(0o555)
    (tmp_path / "a").chmod(0o555)
    remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()

"""A bundle put in its place: what did not change is taken over from the old one, and a failure gives all of it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.bundle import parts, place, tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.errors import BuildError
from slsdeploy.types import PartName


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work" / "bundle"


def part(name: PartName, **files: str) -> Kept:
    """Return a part with files of these contents; `__` in a name is a `/`, and it ends in .py."""

    def make(at: Path) -> None:
        for path, content in files.items():
            file = at / "task" / f"{path.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    return parts.keep(name, repr(sorted(files.items())), make)


def put(folder: Path, *kept: Kept) -> None:
    with place.renewed(folder, kept) as draft:
        (draft / "bundle.json").write_text(" ".join(each.digest for each in kept))


def fail(folder: Path, *kept: Kept) -> None:
    with place.renewed(folder, kept) as draft:
        (draft / "archives").mkdir()
        (draft / "archives" / "new.zip").write_text("zip")
        raise KeyboardInterrupt


def contents(folder: Path) -> dict[str, str]:
    return {
        file.path: (folder / file.path).read_text() for file in tree.walk(folder) if not file.path.endswith(".json")
    }


def everything(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_text(), path.stat().st_ino) if path.is_file() else ("", 0)
        for path in folder.rglob("*")
    }


LIBRARY = {"numpy__api": "1", "numpy__core__a": "2"}


def test_the_unchanged_is_taken_over_and_the_rest_replaced(folder: Path) -> None:
    library = part("dependencies", **LIBRARY)
    put(folder, library, part("code", handler="old", gone__deep__module="x", numpy__mine="y"))
    marked = (folder / "task/numpy/core").stat().st_ino
    put(folder, library, part("code", handler="new", added="z"))
    assert contents(folder) == {
        "task/added.py": "z",
        "task/handler.py": "new",
        "task/numpy/api.py": "1",
        "task/numpy/core/a.py": "2",
    }
    assert (folder / "task/numpy/core").stat().st_ino == marked
    assert not (folder / "task/gone").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("stray", ["left over", "missing", "no list", "nonsense"])
def test_a_bundle_that_was_tampered_with_is_laid_out_anew(folder: Path, stray: str) -> None:
    library = part("dependencies", **LIBRARY)
    put(folder, library, part("code", handler="old"))
    match stray:
        case "left over":
            (folder / "task/numpy/__pycache__").mkdir()
            (folder / "task/numpy/__pycache__/a.pyc").write_text("")
        case "missing":
            (folder / "task/numpy/core/a.py").unlink()
        case "no list":
            (folder / "laid-out.json").unlink()
        case "nonsense":
            (folder / "laid-out.json").write_text('{"dependencies": 7}')
    put(folder, library, part("code", handler="new"))
    assert contents(folder) == {
        "task/handler.py": "new",
        "task/numpy/api.py": "1",
        "task/numpy/core/a.py": "2",
    }


def test_a_failure_gives_back_the_old_bundle(folder: Path) -> None:
    library = part("dependencies", **LIBRARY)
    put(folder, library, part("code", handler="old", gone__deep__module="x"))
    (folder / "archives").mkdir()
    (folder / "archives" / "code.zip").write_text("zip")
    before = everything(folder)
    with pytest.raises(KeyboardInterrupt):
        fail(folder, library, part("code", handler="new", added__b="y"))
    assert {path: each for path, each in everything(folder).items() if path != "laid-out.json"} == {
        path: each for path, each in before.items() if path != "laid-out.json"
    }
    assert (folder / "laid-out.json").read_text() == before["laid-out.json"][0]
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]
    put(folder, library, part("code", handler="newer"))
    assert contents(folder)["task/handler.py"] == "newer"


def test_the_same_file_in_two_parts_is_refused_whichever_was_there(folder: Path) -> None:
    library = part("dependencies", **LIBRARY)
    put(folder, library, part("code", handler="old"))
    before = contents(folder)
    for dirty in (folder, folder.with_name("other")):
        with (
            pytest.raises(BuildError, match=r"task/numpy/core/a\.py is in the dependencies and in the code"),
            place.renewed(dirty, [library, part("code", numpy__core__a="mine")]),
        ):
            raise AssertionError("it was laid out")
    assert contents(folder) == before
    assert not folder.with_name("other").exists()


def test_what_a_killed_build_left_is_removed(folder: Path) -> None:
    library, code = part("dependencies", **LIBRARY), part("code", handler="old")
    put(folder, library, code)
    folder.rename(folder.with_name(".draft-x"))  # killed after the old bundle was taken
    folder.with_name(".old-x").mkdir()
    put(folder, library, code)
    assert contents(folder)["task/handler.py"] == "old"
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]

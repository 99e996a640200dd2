"""Zips: what is in them, in which order, and that they are the same whoever writes them."""

from __future__ import annotations

import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from slsdeploy.bundle import archive, tree


def lay(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def pack(root: Path, path: Path, *, compressed: bool = True) -> Path:
    archive.pack(root, tree.walk(root), path, compressed=compressed)
    return path


def test_names_are_those_below_the_mount_sorted(tmp_path: Path) -> None:
    root = lay(tmp_path / "tree", {"opt/b.py": b"b", "opt/a/z.py": b"z", "opt/a.py": b"a", "opt/é.txt": b"e"})
    with ZipFile(pack(root, tmp_path / "x.zip")) as opened:
        assert opened.namelist() == ["a.py", "a/z.py", "b.py", "é.txt"]
        assert [opened.read(name) for name in opened.namelist()] == [b"a", b"z", b"b", b"e"]


def test_models_and_what_would_grow_are_stored(tmp_path: Path) -> None:
    noise = bytes(range(256))
    root = lay(
        tmp_path / "tree", {"task/m.onnx": b"0" * 5000, "task/t.txt": b"0" * 5000, "task/n.bin": noise, "task/e": b""}
    )
    with ZipFile(pack(root, tmp_path / "x.zip")) as opened:
        assert opened.testzip() is None
        kinds = {entry.filename: entry.compress_type for entry in opened.infolist()}
    assert kinds == {"m.onnx": ZIP_STORED, "t.txt": ZIP_DEFLATED, "n.bin": ZIP_STORED, "e": ZIP_STORED}


def test_nothing_of_a_model_part_is_compressed(tmp_path: Path) -> None:
    root = lay(tmp_path / "tree", {"opt/models/m/m.onnx": b"0" * 500, "opt/models/m/m.data": b"0" * 5000})
    with ZipFile(pack(root, tmp_path / "x.zip", compressed=False)) as opened:
        assert {entry.compress_type for entry in opened.infolist()} == {ZIP_STORED}


def test_modes_are_two(tmp_path: Path) -> None:
    root = lay(tmp_path / "tree", {"task/run": b"x", "task/data": b"x"})
    (root / "task/run").chmod(0o700)
    (root / "task/data").chmod(0o600)
    with ZipFile(pack(root, tmp_path / "x.zip")) as opened:
        modes = {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in opened.infolist()}
    assert modes == {"run": 0o755, "data": 0o644}


def test_the_bytes_are_known(tmp_path: Path) -> None:
    """The same on every machine that runs this: they change only with the compressor's version, which is pinned."""
    root = lay(tmp_path / "tree", {"task/a.txt": b"abc" * 100, "task/b.onnx": b"weights"})
    assert tree.digest(root, tree.walk(root)) == "22ea6c56ee7550cb7b45eae18c92a963f6f7a0809e1c6784a4e2ba531d969d49"
    assert (
        sha256(pack(root, tmp_path / "x.zip").read_bytes()).hexdigest()
        == "531f43d7cbf0db02b467639528664e88cdf3ec5327d9a963117604f3f8972a28"
    )


def test_joined_archives_hold_the_entries_of_all(tmp_path: Path) -> None:
    one = pack(lay(tmp_path / "1", {"task/a": b"a" * 1000, "task/b": b"b"}), tmp_path / "1.zip")
    other = pack(lay(tmp_path / "2", {"task/c": b"c" * 3000}), tmp_path / "2.zip")
    archive.join([one, other], tmp_path / "joined.zip")
    with ZipFile(tmp_path / "joined.zip") as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {
            "a": b"a" * 1000,
            "b": b"b",
            "c": b"c" * 3000,
        }


def test_another_program_reads_it(tmp_path: Path) -> None:
    parts = []
    for name in ("x", "__main__"):
        root = lay(tmp_path / name, {f"task/{name}.py": f"print('{name}')".encode()})
        parts.append(pack(root, tmp_path / f"{name}.zip"))
    archive.join(parts, tmp_path / "app.zip")
    done = subprocess.run(
        [sys.executable, tmp_path / "app.zip"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "__main__\n"


def test_a_tree_is_known_by_paths_modes_and_bytes(tmp_path: Path) -> None:
    def digest(root: Path) -> str:
        return tree.digest(root, tree.walk(root))

    base = lay(tmp_path / "base", {"task/a": b"1", "task/b": b"2"})
    assert digest(lay(tmp_path / "same", {"task/b": b"2", "task/a": b"1"})) == digest(base)
    (tmp_path / "same" / "empty").mkdir()
    assert digest(tmp_path / "same") == digest(base)
    assert digest(lay(tmp_path / "moved", {"task/a": b"1", "task/c": b"2"})) != digest(base)
    assert digest(lay(tmp_path / "changed", {"task/a": b"1", "task/b": b"3"})) != digest(base)
    (base / "task/a").chmod(0o755)
    assert digest(base) != digest(tmp_path / "same")


def test_of_bytecode_only_its_being_there_counts(tmp_path: Path) -> None:
    def digest(root: Path) -> str:
        return tree.digest(root, tree.walk(root))

    source, name = {"task/a.py": b"x = 1"}, "task/__pycache__/a.cpython-313.pyc"
    one = digest(lay(tmp_path / "one", {**source, name: b"by 3.13.0"}))
    assert digest(lay(tmp_path / "two", {**source, name: b"by 3.13.9"})) == one
    assert digest(lay(tmp_path / "none", source)) != one
    assert digest(lay(tmp_path / "newer", {**source, name.replace("313", "314"): b"by 3.13.0"})) != one

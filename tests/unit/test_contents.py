"""What is in a project's files: read once, kept, and never refused."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.bundle import contents
from slsdeploy.config import Config
from slsdeploy.types import Handler, Model, Project, Target
from tests import elf


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))


def project(tmp_path: Path, **config: Any) -> Project:
    root = tmp_path / "project"
    root.mkdir(exist_ok=True)
    said = Config.model_validate({"name": "iris", "model": "iris.onnx", "include": ["*"], **config})
    target = Target("3.13", "arm64", "aarch64-manylinux_2_34")
    models = (Model("iris", root / "iris.onnx"),)
    return Project(root, said, "dev", False, target, models, Handler("handler", root / "handler.py"), ())


def old(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (time.time() - 100, time.time() - 100))


def test_what_is_found_in_files(tmp_path: Path) -> None:
    made = project(tmp_path)
    (made.root / "handler.py").write_text("import time\nimport numpy\nNOW = time.time()\ndef f():\n    import json\n")
    (made.root / "own.so").write_bytes(elf.shared_object())
    (made.root / "id_rsa").write_text("x")
    found = contents.look(made).files
    handler = found["handler.py"]
    assert (handler.imports, handler.at_import) == (("json", "numpy", "time"), ("numpy", "time"))
    assert [each.call for each in handler.readings] == ["time.time"]
    own = found["own.so"].object
    assert own and own.machine == "x86_64"
    assert [each.kind for each in found["id_rsa"].credentials] == ["an SSH private key"]


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(tmp_path)
    old(made.root / "handler.py", b"import json\n")
    read: list[str] = []
    before = contents._read

    def noted(file: Path, path: str) -> contents.Content:
        read.append(path)
        return before(file, path)

    monkeypatch.setattr(contents, "_read", noted)
    # the clock of a change cannot be set back: as if it had been long ago
    monkeypatch.setattr(contents, "_SETTLED_NS", -1)
    first = contents.look(made)
    assert contents.look(made) == first
    assert read == ["handler.py"]
    (made.root / "handler.py").write_bytes(b"import zlib\n")
    assert contents.look(made).files["handler.py"].imports == ("zlib",)
    assert read == ["handler.py"] * 2


def test_what_was_written_just_now_is_read_again(tmp_path: Path) -> None:
    made = project(tmp_path)
    for name in ("json", "zlib", "math"):  # of one length, perhaps within one tick of the clock
        (made.root / "handler.py").write_text(f"import {name}\n")
        assert contents.look(made).files["handler.py"].imports == (name,)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"recipe": 1}', b"[]", b'{"recipe": null, "files": {}}'])
def test_a_damaged_memory_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    monkeypatch.setattr(contents, "_SETTLED_NS", -1)
    made = project(tmp_path)
    old(made.root / "handler.py", b"import json\n")
    first = contents.look(made)
    (kept,) = (tmp_path / "cache/contents").iterdir()
    kept.write_bytes(damage)
    assert contents.look(made) == first


def test_strange_files_are_told_of_and_stop_nothing(tmp_path: Path) -> None:
    made = project(tmp_path)
    root = made.root
    (root / "loop").symlink_to("loop")
    (root / "out.txt").symlink_to("/etc/hostname")
    (root / "new\nline.py").write_text("import json\n")
    (root / "broken.py").write_bytes(b"\xff\x00def")
    (root / "empty.so").touch()
    if os.name == "posix":
        Path(os.fsdecode(os.fsencode(root) + b"/\xff.py")).write_text("import json\n")
        os.mkfifo(root / "pipe")
    found = contents.look(made)
    assert {(each.path, each.why) for each in found.strays} == {
        *(("loop", "nowhere"), ("out.txt", "outside"), ("pipe", "special"))
    }
    assert found.files["new\nline.py"].imports == ("json",)
    assert found.files["broken.py"].imports == ()
    empty = found.files["empty.so"].object
    assert empty and empty.format == "empty"
    (root / "circle").symlink_to(".")
    assert contents.look(made).files.keys() >= {"broken.py", "circle/broken.py"}

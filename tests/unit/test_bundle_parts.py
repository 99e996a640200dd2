"""The kept parts: made once for a key, whole or not there, and gone when no one used them for long."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from slsdeploy.bundle import facts, parts


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path))
    return tmp_path / "parts"


class Maker:
    """Fills a folder, and counts how often it had to."""

    def __init__(self, content: bytes = b"x") -> None:
        self.content = content
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "task").mkdir()
        (folder / "task" / "a.py").write_bytes(self.content)
        (folder / "task" / "b.bin").write_bytes(self.content * 10)


def test_a_part_is_made_once(shelf: Path) -> None:
    make = Maker()
    first, second = parts.keep("code", "k" * 64, make), parts.keep("code", "k" * 64, make)
    assert make.times == 1
    assert first == second
    assert (first.files, first.bytes, first.largest[0]) == (2, 11, ("task/b.bin", 10))


def test_the_digest_is_of_the_content_not_of_the_key(shelf: Path) -> None:
    one, same, other = (
        parts.keep("code", key * 64, Maker(content)) for key, content in (("1", b"x"), ("2", b"x"), ("3", b"y"))
    )
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize("damage", ["missing", "shorter", "more", "description"])
def test_a_damaged_part_is_made_again(shelf: Path, damage: str) -> None:
    part = parts.keep("code", "k" * 64, Maker())
    file = part.tree / "task" / "b.bin"
    match damage:
        case "missing":
            file.unlink()
        case "shorter":
            file.chmod(0o644)
            file.write_bytes(b"x")
        case "more":
            (part.tree / "task" / "c").write_bytes(b"")
        case "description":
            (part.folder / "part.json").write_text("")
    make = Maker()
    assert parts.keep("code", "k" * 64, make) == part
    assert make.times == 1


def test_a_failure_leaves_nothing(shelf: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.keep("code", "k" * 64, fail)
    assert list(shelf.iterdir()) == []


def test_another_build_may_be_faster(shelf: Path) -> None:
    make = Maker()

    def slow(folder: Path) -> None:
        parts.keep("code", "k" * 64, make)
        Maker()(folder)

    assert parts.keep("code", "k" * 64, slow).digest == parts.keep("code", "k" * 64, make).digest
    assert make.times == 1
    assert len(list(shelf.iterdir())) == 1


def test_files_are_read_only(shelf: Path) -> None:
    part = parts.keep("code", "k" * 64, Maker())
    assert (part.tree / "task" / "a.py").stat().st_mode & 0o222 == 0


def test_it_is_packed_once(shelf: Path) -> None:
    part = parts.keep("code", "k" * 64, Maker())
    packed = parts.zip_of(part)
    before = packed.stat().st_mtime_ns
    assert parts.zip_of(part).stat().st_mtime_ns == before


def test_what_is_long_unused_goes(shelf: Path) -> None:
    old, used = parts.keep("code", "1" * 64, Maker()), parts.keep("code", "2" * 64, Maker())
    abandoned = shelf / ".draft-x"
    abandoned.mkdir()
    long_ago = time.time() - 40 * 24 * 60 * 60
    for folder in (old.folder, used.folder, abandoned):
        os.utime(folder, (long_ago, long_ago))
    parts.keep("code", "2" * 64, Maker())  # is used now
    parts.keep("code", "3" * 64, Maker())
    assert not old.folder.exists() and not abandoned.exists()
    assert used.folder.exists()


def test_facts_are_found_once_and_kept_beside_the_part(shelf: Path) -> None:
    def make(folder: Path) -> dict[str, object]:
        Maker()(folder)
        return {"word": [1, "two"]}

    part = parts.keep("code", "k" * 64, make)
    assert facts.read(part.facts) == {"word": [1, "two"]}
    assert parts.keep("code", "k" * 64, Maker()) == part
    assert facts.read(part.facts) == {"word": [1, "two"]}
    assert facts.read(parts.keep("code", "l" * 64, Maker()).facts) == {}


@pytest.mark.parametrize("content", [None, "", "{", "[]", "\udcff"])
def test_facts_that_cannot_be_read_are_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / facts.FILE
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert facts.read(path) == {}

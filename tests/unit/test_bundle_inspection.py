"""Models are inspected once, until a byte of them changes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from slsdeploy.bundle import inspection, model
from slsdeploy.errors import ProjectError
from tests.building import save_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def settle(path: Path, seconds: float = 10) -> None:
    """Make a file look as if it were written a while ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_is_remembered_is_what_was_found(tmp_path: Path, cache: Path) -> None:
    save_model(tmp_path / "m.onnx")
    settle(tmp_path / "m.onnx")
    found = inspection.inspect(tmp_path / "m.onnx")
    assert found == model.inspect(tmp_path / "m.onnx")
    (kept,) = cache.iterdir()
    kept.write_text(kept.read_text().replace(found.digest, "f" * 64))
    assert inspection.inspect(tmp_path / "m.onnx").digest == "f" * 64  # it was not read again


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    save_model(tmp_path / "m.onnx", factor=1.0)
    settle(tmp_path / "m.onnx", 20)
    before = inspection.inspect(tmp_path / "m.onnx")
    save_model(tmp_path / "m.onnx", factor=2.0)
    settle(tmp_path / "m.onnx", 10)
    after = inspection.inspect(tmp_path / "m.onnx")
    assert (after.bytes, after.digest) != (before.bytes, before.digest)
    assert after == model.inspect(tmp_path / "m.onnx")


def test_a_file_that_is_just_being_written_is_not_remembered(tmp_path: Path, cache: Path) -> None:
    save_model(tmp_path / "m.onnx")
    inspection.inspect(tmp_path / "m.onnx")
    assert not cache.exists()


def test_a_damaged_memory_is_no_memory(tmp_path: Path, cache: Path) -> None:
    save_model(tmp_path / "m.onnx")
    settle(tmp_path / "m.onnx")
    found = inspection.inspect(tmp_path / "m.onnx")
    (kept,) = cache.iterdir()
    for text in ("", "{}", "[]", '{"info": {}}'):
        kept.write_text(text)
        assert inspection.inspect(tmp_path / "m.onnx") == found


def test_a_model_that_is_gone_is_said(tmp_path: Path) -> None:
    save_model(tmp_path / "m.onnx")
    settle(tmp_path / "m.onnx")
    inspection.inspect(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").unlink()
    with pytest.raises(ProjectError, match="does not exist"):
        inspection.inspect(tmp_path / "m.onnx")

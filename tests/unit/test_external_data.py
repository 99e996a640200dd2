"""The files that hold a model's weights: what may be wrong with them, all of it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from slsdeploy.bundle import external_data


def tensor(location: str, offset: str = "0", length: str = "8") -> onnx.TensorProto:
    made = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[2])
    made.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        made.external_data.add(key=key, value=value)
    return made


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("w.data", ""),
        ("sub/../w.data", ""),
        ("none.data", "missing"),
        ("", "outside its own folder"),
        ("../w.data", "outside its own folder"),
        ("/etc/hostname", "outside its own folder"),
        ("C:\\w.data", "outside its own folder"),
        ("link.data", "outside its own folder"),
        ("away/../link.data", "outside its own folder"),
        ("loop.data", ""),
        ("a\0b", "outside its own folder"),
        ("x" * 5000, ""),
        ("short.data", "cut short: 4 bytes of 8"),
        ("folder", "missing"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, location: str, words: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "w.data").write_bytes(bytes(8))
    (tmp_path / "short.data").write_bytes(bytes(4))
    (tmp_path / "link.data").symlink_to("/etc/hostname")
    (tmp_path / "away").symlink_to("/etc")
    (tmp_path / "loop.data").symlink_to("loop.data")
    found = external_data.problems(tmp_path / "m.onnx", [tensor(location)])
    is_good = location in ("w.data", "sub/../w.data")
    assert [words in each.message for each in found] == ([] if is_good else [True])


def test_all_of_it_is_told(tmp_path: Path) -> None:
    found = external_data.problems(tmp_path / "m.onnx", [tensor("a"), tensor("b"), tensor("a", "8")])
    assert [each.message.split('"')[1] for each in found] == ["a", "b"]


def test_the_end_of_the_last_piece_counts(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(bytes(16))
    assert external_data.problems(tmp_path / "m.onnx", [tensor("w", "8"), tensor("w", "0")]) == []
    (found,) = external_data.problems(tmp_path / "m.onnx", [tensor("w", "12"), tensor("w", "-5", "x")])
    assert "16 bytes of 20" in found.message
    assert (
        external_data.problems(tmp_path / "m.onnx", [tensor("w", "9" * 5000)]) == []
    )  # no number that a file could have

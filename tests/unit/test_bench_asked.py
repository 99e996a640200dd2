"""The options of `bench`: what is wrong with them is said before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.bench import Asked, check
from slsdeploy.errors import ProjectError


def test_options_are_understood(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text("[1]")
    page = tmp_path / "page.html"
    assert check(3, str(event), "1769, 512,512", str(page)) == Asked(3, b"[1]", (512, 1769), page)
    assert check(10, None, None, None) == Asked()


@pytest.mark.parametrize("runs", [0, -1, 1001])
def test_a_number_of_runs_that_cannot_be(runs: int) -> None:
    with pytest.raises(ProjectError, match=f"{runs} runs cannot be measured") as raised:
        check(runs, None, None, None)
    assert raised.value.where == "--runs"


@pytest.mark.parametrize("memory", ["abc", "", "512,", "127", "10241", "-512", "1e3", "512 MB", "5_12"])
def test_a_memory_size_that_lambda_does_not_have(memory: str) -> None:
    with pytest.raises(ProjectError, match="is not a memory size of Lambda") as raised:
        check(1, None, memory, None)
    assert "from 128 to 10,240" in raised.value.hint and raised.value.where == "--memory"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not JSON", b"[" * 100_000])
def test_an_event_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    event = tmp_path / "event.json"
    event.write_bytes(content)
    with pytest.raises(ProjectError, match="the event is not JSON"):
        check(1, str(event), None, None)


def test_an_event_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot read the event: No such file"):
        check(1, str(tmp_path / "event.json"), None, None)


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="which is no folder"):
        check(1, None, None, str(tmp_path / "not" / "there.html"))
    with pytest.raises(ProjectError, match="is a folder"):
        check(1, None, None, str(tmp_path))

"""Lines in a terminal: broken between words, never within a path; a pipe gets them whole."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from rich.text import Text

from slsdeploy.wrapping import Hanging, wrap
from tests import ruling
from tests.building import save_model

TOML = """
name = "iris"
model = "iris.onnx"
snap_start = true
ephemeral_storage = 1024
timeout = 60

[[trigger]]
type = "http"
via = "http_api"
"""


def lines(told: Text | Hanging, width: int) -> list[str]:
    return [line.plain for line in wrap(told, width)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("it fits", 10, ["it fits"]),
        ("one two three", 8, ["one two", "  three"]),
        ("see https://example.com/a/long/path now", 10, ["see https://example.com/a/long/path", "  now"]),
        ("in /a/path now", 9, ["in", "  /a/path", "  now"]),
        ("first\n    second is long", 13, ["first", "    second is", "      long"]),
        ("run (`a long command`) now", 12, ["run (`a long command`)", "  now"]),
        ("日本 日本 日本", 9, ["日本 日本", "  日本"]),
    ],
)
def test_a_text(text: str, width: int, expected: list[str]) -> None:
    assert lines(Text(text), width) == expected


def test_what_must_not_be_broken_is_not() -> None:
    assert lines(Text('{"a": 1, "b": 2}', no_wrap=True), 5) == ['{"a": 1, "b": 2}']


def test_the_last_of_some_columns_hangs_or_stands_below_where_there_is_no_room_beside() -> None:
    told = Hanging(Text("warning  rule  " + "word " * 12), 15)
    assert lines(told, 60) == ["warning  rule  " + "word " * 8 + "word", " " * 15 + "word word word"]
    assert lines(told, 50) == ["warning  rule", "    " + "word " * 8 + "word", "    word word word"]
    assert lines(Hanging(Text(" " * 15 + "hint: it"), 15), 50) == ["    hint: it"]


def test_a_word_too_long_for_its_column_begins_further_left() -> None:
    told = Hanging(Text("warning  rule  leave out some of " + "path/" * 10 + " and more"), 15)
    assert lines(told, 60) == ["warning  rule  leave out some of", "    " + "path/" * 10 + " and", " " * 15 + "more"]


def test_colours_stay_with_their_words() -> None:
    text = Text.assemble("one ", ("two three", "red"))
    assert [line.markup for line in wrap(text, 8)] == ["one [red]two[/red]", "  [red]three[/red]"]


def in_a_terminal(width: int, *words: str) -> str:
    """Run the command line with a terminal of that width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}}
    environment["TERM"] = "xterm"
    command = [sys.executable, "-m", "slsdeploy", *words]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        try:
            while block := os.read(ours, 65536):
                said += block
        except OSError:  # the other end is closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("width", [64, 120])
def test_check_in_a_terminal(width: int, tmp_path: Path) -> None:
    ruling.write(tmp_path, TOML)
    said = in_a_terminal(width, "check", str(tmp_path))
    assert all(len(line) <= width for line in said.splitlines() if "`" not in line)  # commands are not broken
    assert "Function URL (15 minutes)" in " ".join(said.split())
    assert ("snap-start   slsdeploy.toml:4\n    snap_start does" in said) == (width == 64)


def test_a_command_in_a_terminal_is_one_line(tmp_path: Path) -> None:
    """Pasted, a broken `slsdeploy up FOLDER --local` would deploy to AWS."""
    save_model(tmp_path / "model.onnx")
    folder = tmp_path / "a-name-that-is-longer-than-most"
    said = in_a_terminal(60, "init", str(folder), "--model", str(tmp_path / "model.onnx"), "--trigger", "http")
    assert f"slsdeploy up {folder} --local\n" in said


def test_a_pipe_gets_lines_as_long_as_they_are(tmp_path: Path) -> None:
    ruling.write(tmp_path, TOML)
    environment = {**os.environ, "COLUMNS": "40"}
    command = [sys.executable, "-m", "slsdeploy", "check", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment).stdout
    assert "hint: it is API Gateway's limit, which nothing raises: lower `timeout`, or use a Function URL" in said

"""TOML text -> the line of every key, which tomllib does not tell. The text must be valid TOML: tomllib reads it first."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def locate(text: str) -> Mapping[Path, int]:
    """Return the line (from 1) on which each key, table and array item begins: ("trigger", 0, "type") -> 6."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def nearest(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a path, or of the innermost thing around it that is written down; 0 when nothing is."""
    return next((lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in lines), 0)


class _Scanner:
    """Walks over the text once and notes where things begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # arrays of tables: how many so far
        self.starts = [found.end() for found in re.finditer("\n", text)]

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, bisect_right(self.starts, self.position) + 1)

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.position)
        assert found is not None, f"not TOML at {self.position}"
        self.position = found.end()
        return found.group()

    def at(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.position):
            return False
        self.position += len(mark)
        return True

    def document(self) -> None:
        table: Path = ()
        self.skip(_BLANK)
        while self.position < len(self.text):
            if self.text[self.position] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self) -> Path:
        start = self.position
        self.at("[")
        is_array = self.at("[")
        self.skip(_SPACE)
        keys = self.keys()
        self.skip(re.compile(r"[ \t]*\]\]?"))
        end, self.position = self.position, start
        path: Path = ()
        for key in keys[:-1]:
            path = self.latest((*path, key))
            self.note(path)
        path = (*path, keys[-1])
        if is_array:
            self.note(path)
            self.counts[path] = self.counts.get(path, 0) + 1
        path = self.latest(path)
        self.note(path)
        self.position = end
        return path

    def latest(self, path: Path) -> Path:
        """A header names an array of tables to mean its last table."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def keys(self) -> list[str]:
        parts = [self.key()]
        while _DOT.match(self.text, self.position):
            self.skip(_DOT)
            parts.append(self.key())
        return parts

    def key(self) -> str:
        raw = self.skip(_KEY)
        return str(tomllib.loads(f"key = {raw}")["key"]) if raw[0] in "\"'" else raw

    def pair(self, table: Path) -> None:
        start = self.position
        keys = self.keys()
        end, self.position = self.position, start
        for size in range(1, len(keys) + 1):
            self.note((*table, *keys[:size]))
        self.position = end
        self.skip(_SPACE)
        self.at("=")
        self.skip(_SPACE)
        self.value((*table, *keys))

    def value(self, path: Path) -> None:
        if self.at("["):
            self.array(path)
        elif self.at("{"):
            self.inline(path)
        elif self.text[self.position] in "\"'":
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        index = 0
        self.skip(_BLANK)
        while not self.at("]"):
            self.note((*path, index))
            self.value((*path, index))
            self.skip(_BLANK)
            self.at(",")
            self.skip(_BLANK)
            index += 1

    def inline(self, path: Path) -> None:
        self.skip(_BLANK)
        while not self.at("}"):
            self.pair(path)
            self.skip(_BLANK)
            self.at(",")
            self.skip(_BLANK)

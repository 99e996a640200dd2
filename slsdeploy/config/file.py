"""slsdeploy.toml on disk -> its values, and the line of each; what is wrong with it as a file."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slsdeploy.config import wording
from slsdeploy.config.lines import Path as KeyPath
from slsdeploy.config.lines import locate, nearest
from slsdeploy.config.wording import Complaint
from slsdeploy.errors import ConfigError, Problem

FILE = "slsdeploy.toml"
_FOLDER = f"give the folder that has the {FILE} in it, or nothing for the one you are in"


@dataclass(frozen=True)
class File:
    """The file: its text, its values, and the line of each."""

    path: Path
    text: str

    @cached_property
    def values(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            message, line = _without_place(str(error), self.text)
            problem = Problem("", line, message)
            raise ConfigError(f"{self.path.name} is not valid TOML", "", str(self.path), problems=(problem,)) from None

    @cached_property
    def lines(self) -> Mapping[KeyPath, int]:
        return locate(self.text)

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Return the stages that are tables; others are complained of elsewhere."""
        stages = self.values.get("stages", {})
        tables = stages.items() if isinstance(stages, dict) else ()
        return {name: table for name, table in tables if isinstance(table, dict)}

    def problem(self, complaint: Complaint, stage: str = "") -> Problem:
        """Find the line: in the stage's table when it is written there."""
        path = complaint.path
        staged: KeyPath = ("stages", stage, *path)
        for size in range(len(path), 0, -1):
            if staged[: size + 2] in self.lines:
                line = self.lines[staged[: size + 2]]
                return Problem(wording.dotted(staged), line, complaint.message, complaint.hint)
            if path[:size] in self.lines:
                break
        return Problem(wording.dotted(path), nearest(self.lines, path), complaint.message, complaint.hint)


def _without_place(message: str, text: str) -> tuple[str, int]:
    """Split tomllib's message and its place: "Expected '=' after a key (at line 3, column 5)"."""
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if not found:
        return message, 0
    lines = text.splitlines() or [""]
    line = int(found.group(1)) if found.group(1) else len(lines)
    return f"{message[: found.start()]}: {lines[min(line, len(lines)) - 1].strip()}", line


def _missing(path: Path) -> ConfigError:
    folder = path.parent
    if not folder.exists():
        return ConfigError(f"there is no folder {folder}", _FOLDER, str(folder))
    message = f"no {FILE} here" if path.name == FILE else f"{path.name} does not exist"
    hint = f"`slsdeploy init {shlex.quote(str(folder))} --model MODEL.onnx` writes one"
    return ConfigError(message, hint, str(path))


def read(path: Path) -> File:
    """Read the file as text. Raises ConfigError."""
    try:
        return File(path, path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        raise _missing(path) from None
    except NotADirectoryError:
        raise ConfigError(f"{path.parent.name} is a file", _FOLDER, str(path.parent)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        hint = f"save it as UTF-8: byte 0x{error.object[error.start]:02x} on line {line} is not"
        raise ConfigError(f"{path.name} is not text in UTF-8", hint, str(path)) from None
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from None

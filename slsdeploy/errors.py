"""Every error a user can meet, grouped by who can mend it; each group is an exit code.

    SlsdeployError
    ├── ConfigError    2  slsdeploy.toml says something that cannot be (carries every problem)
    ├── ProjectError   2  the project's files are missing or do not fit
    │   └── ExternalDataError  those that hold a model's weights
    ├── BuildError     3  a bundle cannot be made from them
    │   └── TooLargeError  it is larger than Lambda takes (results/prepare.py: it carries what takes the room)
    ├── ToolError      4  a program we call is missing or failed; the local AWS, or a registry, is down or refuses
    │   └── NoRepository  a registry has no such repository
    ├── AwsError       5  AWS refused a call
    ├── DeployError    6  the deployment failed and was rolled back
    └── GateError      7  a quality gate said no

Raised where the fact is known, drawn once in `ui.py`. Anything else that escapes is a bug: exit code 1, with its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


# eq=False keeps Exception's identity hash; a frozen dataclass would break when a context manager sets __traceback__.
@dataclass(eq=False)
class SlsdeployError(Exception):
    """What happened, what to do next, and where: `message`, `hint`, `where` (a file, line, URL or resource)."""

    message: str
    hint: str = ""
    where: str = ""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: the key, its line in the file (0: unknown), what was found and what is expected."""

    key: str
    line: int
    message: str
    hint: str = ""


@dataclass(eq=False)
class ConfigError(SlsdeployError):
    """`slsdeploy.toml` says something that cannot be; all `problems` at once."""

    problems: Sequence[Problem] = ()
    exit_code: ClassVar[int] = 2


class ProjectError(SlsdeployError):
    """The project's files are missing or do not fit together."""

    exit_code = 2


class ExternalDataError(ProjectError):
    """The files that hold a model's weights are missing or do not fit."""


class BuildError(SlsdeployError):
    """A bundle cannot be made from this project."""

    exit_code = 3


class ToolError(SlsdeployError):
    """A program we call is missing or failed."""

    exit_code = 4


class NoRepository(ToolError):
    """A registry has no such repository (or does not show it to us)."""


@dataclass(eq=False)
class AwsError(SlsdeployError):
    """AWS refused a call; `code` is its error code ("AccessDenied", ...)."""

    code: str = ""
    exit_code: ClassVar[int] = 5


class DeployError(SlsdeployError):
    """The deployment failed; CloudFormation put back what was there before."""

    exit_code = 6


class GateError(SlsdeployError):
    """A quality gate said no."""

    exit_code = 7

"""What a rule is, what it looks at, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from slsdeploy.bundle.inspection import inspect
from slsdeploy.errors import ProjectError
from slsdeploy.types import Bundle, ModelInfo, Project

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: the fact, what to do about it, the file it is about (relative to the project), where it is written."""

    rule: str
    severity: Severity
    message: str
    hint: str
    path: str
    link: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: a project, what is known of its models by name, and its bundle (None: not built yet).

    A model that is there has its ModelInfo, or the error met in reading it; one that is missing has no entry.
    """

    project: Project
    models: Mapping[str, ModelInfo | ProjectError]
    bundle: Bundle | None = None

    @property
    def infos(self) -> list[ModelInfo]:
        """Return the models that could be read."""
        return [info for info in self.models.values() if isinstance(info, ModelInfo)]

    @property
    def package(self) -> str:
        """Return how it is packaged: as built, else as the project says."""
        return self.bundle.package if self.bundle else self.project.config.package

    def relative(self, path: Path) -> str:
        """Write a path as the user knows it."""
        is_inside = path.is_relative_to(self.project.root)
        return path.relative_to(self.project.root).as_posix() if is_inside else str(path)


def subject(project: Project, bundle: Bundle | None = None) -> Subject:
    """Look at a project's models, once for all rules; those of a bundle have been looked at."""
    if bundle:
        named = zip(project.models, bundle.models, strict=True)
        return Subject(project, {model.name: info for model, info in named}, bundle)
    return Subject(project, {model.name: _look(model.path) for model in project.models if model.path.exists()})


def _look(path: Path) -> ModelInfo | ProjectError:
    try:
        return inspect(path)
    except ProjectError as error:
        return error


class Rule(ABC):
    """One thing that can be wrong; `link` is where it is written that it is."""

    id: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    link: ClassVar[str] = ""

    @abstractmethod
    def check(self, subject: Subject) -> Iterator[Finding]:
        """Yield a finding for each place where it is wrong."""

    def finding(self, message: str, hint: str, path: str = "", severity: Severity | None = None) -> Finding:
        """Make a finding of this rule."""
        return Finding(self.id, severity or self.severity, message, hint, path, self.link)


def megabytes(size: int) -> str:
    """Write a size in bytes as people say it: 52,428,800 is 50.0 MiB."""
    return f"{size / 1024**2:,.1f} MiB"

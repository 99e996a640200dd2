"""What a rule is, what it looks at, and what it finds.

A rule's docstring is what `slsdeploy explain` and docs/rules.md print (see `explaining.py`): its first line says what is wrong, more of
it may follow, then `Why:`, `Mend:` and `Example:` say the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from slsdeploy.bundle import base_choice, contents
from slsdeploy.bundle.contents import Contents
from slsdeploy.bundle.inspection import inspect
from slsdeploy.config import FILE
from slsdeploy.config.file import File, read
from slsdeploy.config.lines import Path as Key
from slsdeploy.config.wording import Complaint
from slsdeploy.errors import ProjectError
from slsdeploy.printable import printable
from slsdeploy.types import Bundle, ModelInfo, Project

Severity = Literal["error", "warning", "note"]
Phase = Literal["project", "bundle"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: the fact, what to do about it, the file it is about (relative to the project), where it is written.

    `line` is that of the file, from 1 (0: the file as a whole).
    """

    rule: str
    severity: Severity
    message: str
    hint: str
    path: str
    link: str
    line: int = 0

    @property
    def place(self) -> str:
        """Return the file and the line, as editors take them: slsdeploy.toml:7."""
        path = printable(self.path)
        return f"{path}:{self.line}" if self.line else path


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: a project, what is known of its models by name, and its bundle (None: not built yet).

    A model that is there has its ModelInfo, or the error met in reading it; one that is missing has no entry. `look` finds out what is in
    the files that would ship as code, when a rule first asks for it.
    """

    project: Project
    models: Mapping[str, ModelInfo | ProjectError]
    bundle: Bundle | None = None
    look: Callable[[], Contents] = Contents

    @property
    def infos(self) -> list[ModelInfo]:
        """Return the models that could be read."""
        return [info for info in self.models.values() if isinstance(info, ModelInfo)]

    @property
    def contents(self) -> Contents:
        """Return what is in the project's own files."""
        return self.look()

    @property
    def package(self) -> str:
        """Return how it is packaged: as built, else as the project says."""
        return self.bundle.package if self.bundle else self.project.config.package

    @property
    def has_lambdas_base(self) -> bool:
        """Say whether the function runs upon Amazon Linux 2023 as Lambda has it, and not in an image of another base."""
        return base_choice.is_lambdas(self.project, self.package)

    def relative(self, path: Path) -> str:
        """Write a path as the user knows it."""
        is_inside = path.is_relative_to(self.project.root)
        return path.relative_to(self.project.root).as_posix() if is_inside else str(path)

    def line(self, *key: str | int) -> int:
        """Return the line of a key of slsdeploy.toml, in the stage's table when it is written there; 0 when it is in neither."""
        file = _file(self.project.root)
        return file.problem(Complaint(key, ""), self.project.stage).line if file else 0


def _file(root: Path) -> File | None:
    """Read slsdeploy.toml for its lines; a project that was put together without one has none."""
    return read(root / FILE) if (root / FILE).is_file() else None


def subject(project: Project, bundle: Bundle | None = None, before: Subject | None = None) -> Subject:
    """Look at a project's models, once for all rules; those of a bundle have been looked at.

    `before` is the same project before it was built: what is in its files is known then.
    """
    if bundle:
        named = zip(project.models, bundle.models, strict=True)
        models: dict[str, ModelInfo | ProjectError] = {model.name: info for model, info in named}
    else:
        models = {model.name: _look(model.path) for model in project.models if model.path.exists()}
    if before:
        return Subject(project, models, bundle, before.look)
    infos = [info for info in models.values() if isinstance(info, ModelInfo)]
    model_files = frozenset(file.resolve() for info in infos for file in info.files)
    return Subject(project, models, bundle, cache(lambda: contents.look(project, model_files)))


def _look(path: Path) -> ModelInfo | ProjectError:
    try:
        return inspect(path)
    except ProjectError as error:
        return error


class Rule(ABC):
    """One thing that can be wrong; `link` is where it is written that it is.

    It is found out from the project, before there is a bundle; it may look at one where there is one.
    """

    id: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    link: ClassVar[str]
    phase: ClassVar[Phase] = "project"

    @abstractmethod
    def check(self, subject: Subject) -> Iterator[Finding]:
        """Yield a finding for each place where it is wrong."""

    def finding(
        self, message: str, hint: str, path: str = "", severity: Severity | None = None, line: int = 0
    ) -> Finding:
        """Make a finding of this rule; names of files and of what is in them may be anything, and are told as a terminal shows them."""
        told, advised = _printable(message), _printable(hint)
        return Finding(self.id, severity or self.severity, told, advised, path, self.link, line)

    def setting(self, subject: Subject, key: Key, message: str, hint: str, severity: Severity | None = None) -> Finding:
        """Make a finding about a key of slsdeploy.toml, as in ("trigger", 0, "via")."""
        return self.finding(message, hint, FILE, severity, subject.line(*key))


class BundleRule(Rule):
    """A rule that cannot say anything before there is a bundle; it is asked after the build, before anything is published."""

    phase = "bundle"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.bundle is not None:
            yield from self.check_bundle(subject, subject.bundle)

    @abstractmethod
    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        """Yield a finding for each place where it is wrong."""


def _printable(text: str) -> str:
    return text if text.isprintable() else "\n".join(printable(line) for line in text.split("\n"))


def megabytes(size: int) -> str:
    """Write a size in bytes as people say it: 52,428,800 is 50.0 MiB."""
    return f"{size / 1024**2:,.1f} MiB"

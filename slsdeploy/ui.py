"""What the user sees: the only module that prints. Results to standard output; progress, notes and errors to standard error.

A terminal gets colour and moving bars; a pipe, or NO_COLOR, gets plain lines.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.text import Text

from slsdeploy.errors import BuildError, ConfigError, SlsdeployError
from slsdeploy.printable import size
from slsdeploy.views import view
from slsdeploy.wrapping import Hanging, wrap

if TYPE_CHECKING:
    from rich.progress import Progress

    from slsdeploy.tools import StackEvent, Task

_UNLIMITED = 10_000
MARKS = {"COMPLETE": "[green]✓[/]", "FAILED": "[red]✗[/]"}


class Ui:
    """Implements `tools.Reporter`, and shows results and errors. With `json`, standard output gets exactly one JSON document."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.out = _Console()
        self.err = _Console(stderr=True)

    def show(self, result: Any) -> None:
        """Print what a command answers."""
        if self.as_json:
            self.document(dataclasses.asdict(result))
            return
        for line in view(result):
            self.out.say(_whole(line) if isinstance(line, str) else line)

    def document(self, value: object) -> None:
        """Print one JSON document."""
        self.text(json.dumps(value, indent=2, default=str))

    def text(self, value: str) -> None:
        """Print text as it is: a template, a log line. When nobody reads it any more (`| head`), all is done."""
        try:
            sys.stdout.write(value if value.endswith("\n") else value + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _discard(sys.stdout)
            raise SystemExit(0) from None

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Task]:
        """Show progress while the block runs: a moving line in a terminal, one line at the end elsewhere."""
        began = time.perf_counter()
        with self._bar(title, total) if self.err.is_terminal else nullcontext(_Line(escape(title))) as task:
            yield task
        amount = f" [dim]{size(total)}[/]" if total else ""
        self.err.say(f"[green]✓[/] {task.title}{amount} [dim]{time.perf_counter() - began:.1f} s[/]")

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[_Line]:
        from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        columns += [BarColumn(), DownloadColumn()] if total else []
        with Progress(*columns, TimeElapsedColumn(), console=self.err, transient=True) as progress:
            yield _Bar(progress, escape(title), total)

    @contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        """Show a spinner in a terminal while the block runs; nothing of it stays."""
        with self.err.status(escape(title)) if self.err.is_terminal else nullcontext():
            yield

    def note(self, text: str) -> None:
        """Say one line that stays."""
        self.err.say(f"[dim]·[/] {escape(text)}")

    def warning(self, text: str, rule: str) -> None:
        """Say one line that stays: what may go wrong, and the rule that `explain` says more of."""
        self.err.say(f"[yellow]![/] {escape(text)} [dim]{escape(f'[{rule}]')}[/]")

    def call(self, name: str) -> None:
        """Say which AWS call is made, when asked to be verbose."""
        if self.verbose:
            self.err.say(f"  [dim]→ {escape(name)}[/]")

    def resource(self, event: StackEvent) -> None:
        """Say that a resource of the stack came to an end, good or bad; and that it began, when asked to be verbose."""
        ending = event.status.rpartition("_")[2]
        if ending not in MARKS and not self.verbose:
            return
        status = event.status.replace("_", " ").lower()
        reason = f" [red]{escape(event.reason)}[/]" if ending == "FAILED" and event.reason else ""
        self.err.say(f"  {MARKS.get(ending, '·')} {escape(event.logical_id)} [dim]{event.type} {status}[/]{reason}")

    def error(self, error: SlsdeployError) -> None:
        """Draw an error: what happened, where, what to do next."""
        if self.as_json:
            self.document({"error": error_document(error)})
            return
        self.err.say(Text.assemble(("error: ", "bold red"), error.message))
        for line in _details(error):
            self.err.say(line)
        if error.where:
            self.err.say(Text.assemble(("where: ", "dim"), error.where))
        if error.hint:
            self.err.say(Text.assemble(("hint: ", "cyan"), error.hint))

    def usage(self, error: Any) -> None:
        """Show what is wrong with the words on the command line."""
        if self.as_json:
            context = getattr(error, "ctx", None)
            hint = f"{context.command_path} --help" if context else "slsdeploy --help"
            said = {"type": "UsageError", "message": error.format_message(), "hint": hint, "where": ""}
            self.document({"error": said})
        else:
            error.show()

    def bug(self, error: BaseException) -> None:
        """Show an error that should not have been possible, with its traceback."""
        traceback.print_exception(error)
        hint = "this is a bug in slsdeploy: report it with the traceback that is on standard error"
        if self.as_json:
            said = {"type": type(error).__name__, "message": str(error), "hint": hint, "where": ""}
            self.document({"error": said})
        else:
            self.err.say(Text.assemble(("hint: ", "cyan"), hint))


class _Console(Console):
    """A console whose reader may go away (`| head`): the rest is said to nobody, and the work goes on.

    A terminal gets lines that are broken between words; a pipe gets them whole, and tables as wide as they are.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        is_wide = not (sys.stderr if stderr else sys.stdout).isatty()
        super().__init__(
            stderr=stderr, soft_wrap=True, highlight=False, emoji=False, width=_UNLIMITED if is_wide else None
        )

    def say(self, told: RenderableType | Hanging) -> None:
        """Print a line, or what else there is to see."""
        if isinstance(told, str):
            told = Text.from_markup(told, emoji=False)
        if isinstance(told, Text | Hanging):
            for line in wrap(told, self.width):
                self.print(line)
        else:
            self.print(told)

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _discard(self.file)


def _whole(markup: str) -> Text:
    """Return a line of a result, which is not broken: it may be a command, to be copied."""
    text = Text.from_markup(markup, emoji=False)
    text.no_wrap = True
    return text


def _discard(stream: IO[str]) -> None:
    """Send what is still written to a stream nowhere, so that nothing fails at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _details(error: SlsdeployError) -> Iterator[RenderableType]:
    """Draw what some errors carry: every problem of the configuration, what takes the room of a bundle."""
    if isinstance(error, BuildError):
        from slsdeploy.views.prepare import refused

        yield from refused(error)
    if isinstance(error, ConfigError):
        for problem in error.problems:
            place = f"line {problem.line}: " if problem.line else ""
            yield Text.assemble(f"  {place}", (problem.key, "bold"), f"  {problem.message}")
            if problem.hint:
                yield Text.assemble("    ", ("hint: ", "cyan"), problem.hint)


def error_document(error: SlsdeployError) -> dict[str, Any]:
    """Return an error as other programs read it."""
    document: dict[str, Any] = {
        "type": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "where": error.where,
    }
    if isinstance(error, ConfigError):
        document["problems"] = [dataclasses.asdict(problem) for problem in error.problems]
    if (built := getattr(error, "built", None)) is not None:
        document["built"] = dataclasses.asdict(built)
    return document


class _Line:
    """A line of progress that nobody sees move."""

    def __init__(self, title: str) -> None:
        self.title = title

    def advance(self, amount: int) -> None: ...

    def describe(self, text: str) -> None: ...


class _Bar(_Line):
    """A line of progress that is still moving."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        super().__init__(title)
        self._progress = progress
        self._id = progress.add_task(title, total=total)

    def advance(self, amount: int) -> None:
        self._progress.advance(self._id, amount)

    def describe(self, text: str) -> None:
        self._progress.update(self._id, description=f"{self.title} [dim]{escape(text)}[/]")

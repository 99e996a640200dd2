"""The handler is not Python."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class HandlerSyntax(Rule):
    """The handler is not Python.

    It is parsed, not run. An older Python than the function's may not know its newest grammar: then this is a warning.

    Why: the function could not be imported, and every request would fail.

    Mend: correct the line that is named.

    Example:
        def postprocess(outputs:
            return outputs
    """

    id = "handler-syntax"
    link = "https://docs.python.org/3/reference/"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if not handler or not handler.path.is_file():
            return
        path = subject.relative(handler.path)
        try:
            with warnings.catch_warnings(action="ignore"):  # SyntaxWarning is for who writes it, not who deploys it
                ast.parse(handler.path.read_bytes(), filename=path)
        except (SyntaxError, ValueError) as error:
            text = (getattr(error, "text", None) or "").strip()
            message = str(getattr(error, "msg", error)) + (f": {text}" if text else "")
            yield self._judged(message, path, getattr(error, "lineno", None) or 0, subject.project.target.python)
        except (RecursionError, MemoryError):
            hint = "split its longest expression, or read such data from a file"
            yield self.finding(f"{path} is nested too deeply to be read", hint, path)

    def _judged(self, message: str, path: str, line: int, python: str) -> Finding:
        here = sys.version_info[:2]
        if here >= tuple(int(number) for number in python.split(".")):
            return self.finding(message, "correct the line", path, line=line)
        hint = f"this is what Python {here[0]}.{here[1]} says; the function runs on {python}"
        return self.finding(message, hint, path, "warning", line)

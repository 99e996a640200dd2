"""The handler is not Python."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class HandlerSyntax(Rule):
    """It is parsed, not run. An older Python than the function's may not know its newest grammar: then this is a warning."""

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
            line = getattr(error, "lineno", None)
            where = f"{path}, line {line}" if line else path
            text = (getattr(error, "text", None) or "").strip()
            message = f"{where}: {getattr(error, 'msg', error)}" + (f": {text}" if text else "")
            yield self._judged(message, path, subject.project.target.python)

    def _judged(self, message: str, path: str, python: str) -> Finding:
        here = sys.version_info[:2]
        if here >= tuple(int(number) for number in python.split(".")):
            return self.finding(message, "correct the line", path)
        hint = f"this is what Python {here[0]}.{here[1]} says; the function runs on {python}"
        return self.finding(message, hint, path, severity="warning")

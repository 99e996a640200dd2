"""The handler that slsdeploy.toml names is not there."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class HandlerMissing(Rule):
    """Without `handler`, a handler.py is used when there is one; with it, the module must exist."""

    id = "handler-missing"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if handler and not handler.path.is_file():
            path = subject.relative(handler.path)
            hint = 'write it, or leave out `handler`; its value is a module: "handler" for handler.py'
            yield self.finding(f'there is no {path} for handler = "{handler.module}"', hint, path)

"""The handler that slsdeploy.toml names is not there."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class HandlerMissing(Rule):
    """The handler that slsdeploy.toml names is not there.

    Without `handler`, a handler.py is used when there is one; with it, the module must exist.

    Why: the function could not be imported, and every request would fail.

    Mend: write the module, or correct its name: the value is a module, "handler" for handler.py and "code.handler" for code/handler.py.

    Example:
        handler = "my.code"
    """

    id = "handler-missing"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if handler and not handler.path.is_file():
            path = subject.relative(handler.path)
            hint = 'write it, or leave out `handler`; its value is a module: "handler" for handler.py'
            yield self.finding(f'there is no {path} for handler = "{handler.module}"', hint, path)

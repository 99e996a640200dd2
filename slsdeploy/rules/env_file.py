"""Files of environment variables among those that ship."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject

_STAGES = "local|dev|development|prod|production|staging|test"
_NAME = re.compile(rf"\.env(?:rc|\..+)?|.+\.env(?:\.(?:{_STAGES}))?", re.IGNORECASE | re.DOTALL)
_HARMLESS = re.compile(r".*\.(?:example|sample|template|dist)", re.IGNORECASE | re.DOTALL)


class EnvFile(Rule):
    """A file of environment variables would ship, or is asked for and does not.

    `.env` and `.env.*` never ship, whatever `include` says; others, as prod.env and .envrc, do when a pattern takes them.

    Why: such files are where people keep passwords, and Lambda does not read them.

    Mend: put the variables into `[environment]`, the secret ones into `secrets`, and leave the file out.

    Example:
        include = ["settings/*"], and settings/prod.env
    """

    id = "env-file"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        hint = "its variables belong into [environment], the secret ones into `secrets`"
        for path in subject.contents.files:
            name = PurePosixPath(path).name
            if _NAME.fullmatch(name) and not _HARMLESS.fullmatch(name):
                yield self.finding(
                    f"{printable(path)} is a file of environment variables, and ships",
                    f'{hint}; exclude = ["{path}"]',
                    path,
                )
        for index, pattern in enumerate(subject.project.config.include):
            if never_ships(pattern):
                message = f'include = ["{pattern}"] takes nothing: .env and .env.* never ship'
                yield self.setting(subject, ("include", index), message, hint)


def never_ships(pattern: str) -> bool:
    """Say whether a pattern names such files alone as never ship."""
    name = PurePosixPath(pattern).name
    return name == ".env" or name.startswith(".env.")

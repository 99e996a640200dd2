"""The environment variables are larger than Lambda takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from slsdeploy import stack
from slsdeploy.errors import ConfigError
from slsdeploy.rules.rule import Finding, Rule, Subject

LIMIT = 4096
_DIGEST = "0" * 64


class EnvironmentSize(Rule):
    """The environment variables are larger than Lambda takes.

    All variables of a function together may take 4 KB, as Lambda stores them: one JSON object. Those that slsdeploy sets count too. A value
    that only CloudFormation knows (a queue's URL) counts as nothing here.

    Why: Lambda refuses the function, in the middle of a deployment.

    Mend: put what is large into a file that ships with the code, or into a parameter of SSM that `secrets` reads at start.

    Example:
        [environment]
        WORDS = "... 4,000 characters ..."
    """

    id = "environment-size"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        project = subject.project
        digests = stack.identity(project, _DIGEST, [_DIGEST] * len(project.models))
        try:
            variables = {name: _known(value) for name, value in {**stack.variables(project), **digests}.items()}
        except ConfigError:  # what trigger-options and queue-visibility are for
            return
        size = len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode())
        if size > LIMIT:
            largest = max(variables, key=lambda name: len(variables[name]))
            message = f"the environment variables take {size:,} bytes; Lambda takes {LIMIT:,}"
            hint = f"the largest is {largest}: put it into a file that ships, or a parameter that is read at start"
            yield self.setting(subject, ("environment", largest), message, hint)


def _known(value: Any) -> str:
    return value if isinstance(value, str) else ""

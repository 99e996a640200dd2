"""The environment variables are larger than Lambda takes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

LIMIT = 4096
# What the template sets itself: the stage, and Powertools' names and level.
_OURS = ("SLSDEPLOY_STAGE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL")


class EnvironmentSize(Rule):
    """All variables of a function together may take 4 KB, as Lambda stores them: one JSON object."""

    id = "environment-size"
    title = "the environment variables are over 4 KB"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        ours = dict(zip(_OURS, (subject.project.stage, config.name, "slsdeploy", config.log_level), strict=True))
        size = len(json.dumps({**ours, **config.environment}, ensure_ascii=False, separators=(",", ":")).encode())
        if size > LIMIT:
            largest = max(config.environment, key=lambda name: len(config.environment[name]), default="")
            message = f"the environment variables take {size:,} bytes; Lambda takes {LIMIT:,}"
            hint = f"the largest is {largest}: put it into a file that ships, or a parameter that is read at start"
            yield self.finding(message, hint, "slsdeploy.toml")

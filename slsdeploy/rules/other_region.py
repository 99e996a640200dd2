"""Something that the function needs in its own region is in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slsdeploy.config.lines import Path as Key
from slsdeploy.rules.rule import Finding, Rule, Subject

# options that name what an event source mapping reads: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
_SOURCES = ("queue", "stream", "table", "cluster")


class OtherRegion(Rule):
    """A queue, stream, table, cluster or file system is in another region than the function.

    Only where slsdeploy.toml says the function's `region`.

    Why: Lambda reads events, and mounts file systems, in its own region only: it refuses the others in the middle of a deployment.

    Mend: correct the ARN, or `region`. A queue in another region can be fed by a topic that is there.

    Example:
        region = "eu-central-1"

        [[trigger]]
        type = "sqs"
        queue = "arn:aws:sqs:us-east-1:123456789012:orders"
    """

    id = "other-region"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        for key, arn in _named(config) if config.region else ():
            found = arn.split(":")[3]
            if found and found != config.region:
                message = f"{arn} is in {found}; the function is in {config.region}"
                yield self.setting(subject, key, message, "name one of the function's region, or correct `region`")


def _named(config: Any) -> Iterator[tuple[Key, str]]:
    """Return the ARNs of what must be in the function's region, and the keys that say them."""
    if config.file_system is not None:
        yield ("file_system", "arn"), config.file_system.arn
    for index, trigger in enumerate(config.trigger):
        for option in _SOURCES:
            value = getattr(trigger, option, None)
            if isinstance(value, str) and value.startswith("arn:") and value.count(":") >= 5:
                yield ("trigger", index, option), value

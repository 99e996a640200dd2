"""`on_failure` and `on_success` of a trigger -> where AWS sends what became of an event, and what the function's role needs for it. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from slsdeploy_runtime.resources import allow

ARN = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}|):(?P<name>\S+)")

STREAM = ("sqs", "sns", "s3")
ON_FAILURE = ("sqs", "sns", "lambda", "events", "s3")
ON_SUCCESS = ("sqs", "sns", "lambda", "events")
_WORDS = {"sqs": "a queue", "sns": "a topic", "lambda": "a function", "events": "an event bus", "s3": "a bucket"}
_TYPES = {"sqs": "SQS", "sns": "SNS", "lambda": "Lambda", "events": "EventBridge", "s3": "S3Bucket"}
_ACTIONS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
}


class Destination(NamedTuple):
    """A resource by its ARN (an intrinsic function for one of the stack's own), and the service that it belongs to."""

    arn: Any
    service: str

    @property
    def sam_type(self) -> str:
        """Return SAM's word for it."""
        return _TYPES[self.service]

    def statements(self, sid: str) -> list[dict[str, Any]]:
        """Return what lets Lambda send there in the function's name."""
        if self.service != "s3":
            return [allow(sid, [_ACTIONS[self.service]], self.arn)]
        return [allow(sid, ["s3:PutObject"], f"{self.arn}/*"), allow(f"{sid}Lists", ["s3:ListBucket"], self.arn)]


def service_of(arn: str) -> str:
    """Return the service that an ARN belongs to, "" for what is none."""
    found = ARN.fullmatch(arn)
    return found["service"] if found else ""


def check(option: str, arn: str, services: tuple[str, ...]) -> None:
    """Raise ValueError for an ARN that cannot be a destination."""
    found = ARN.fullmatch(arn)
    if not found or found["service"] not in services:
        raise ValueError(f'{option}: found "{arn}", expected the ARN of {", ".join(_WORDS[each] for each in services)}')
    if found["service"] in ("sqs", "sns") and found["name"].endswith(".fifo"):
        raise ValueError(f'{option}: found "{arn}": Lambda sends to no .fifo queue or topic')


def of(arn: str) -> Destination:
    """Return the destination of an ARN that was checked."""
    found = ARN.fullmatch(arn)
    assert found is not None, arn
    return Destination(arn, found["service"])

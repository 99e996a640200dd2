"""The names that users give to what triggers create: what AWS refuses is refused before it is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from slsdeploy_runtime.events import Problem

FIFO = ".fifo"
QUEUE_MAX = 80  # characters, `.fifo` included

# prefixes and suffixes that AWS keeps for itself
_NOT_BEFORE = ("xn--", "sthree-", "amzn-s3-demo-")
_NOT_BEHIND = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


Kind = Literal["queue", "bucket", "stream", "table", "topic", "event bus", "state machine"]

# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html, https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html,
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
_PLAIN = {
    "topic": (r"[A-Za-z0-9_-]{1,256}", "1 to 256 letters, digits, hyphens and underscores"),
    "event bus": (r"[A-Za-z0-9._-]{1,256}", "1 to 256 letters, digits, dots, hyphens and underscores"),
    "state machine": (r"[A-Za-z0-9_-]{1,80}", "1 to 80 letters, digits, hyphens and underscores"),
}


class Created(NamedTuple):
    """What a trigger creates under a name, and the option that says so."""

    kind: Kind
    name: str
    option: str


@runtime_checkable
class Creator(Protocol):
    """A trigger that creates something with a name."""

    def creates(self) -> Sequence[Created]:
        """Return those that have a name of the user's."""


def check_names(trigger: Creator) -> None:
    """Raise ValueError for the first name that AWS would refuse."""
    for created in trigger.creates():
        if created.kind == "queue":
            _check_queue(created)
        elif created.kind in _PLAIN:
            _check_plain(created)
        elif created.kind == "bucket":
            _check_bucket(created)


def taken_twice(triggers: Sequence[Any], type: type[Creator]) -> Iterator[Problem]:
    """Find the triggers of a type that create what an earlier one, of whatever type, or they themselves create already."""
    seen: dict[tuple[str, str], int] = {}
    for index, trigger in enumerate(triggers):
        for created in trigger.creates() if isinstance(trigger, Creator) else ():
            key = (created.kind, created.name)
            if key in seen and isinstance(trigger, type):
                whose = "this trigger itself" if seen[key] == index else f"trigger[{seen[key]}]"
                message = f'the {created.kind} "{created.name}" is created by {whose} already'
                yield Problem(index, created.option, message, "choose another name")
            seen.setdefault(key, index)


def _check_queue(created: Created) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html."""
    name = created.name
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name.removesuffix(FIFO)):
        raise ValueError(
            f'{created.option}: found "{name}", expected letters, digits, hyphens and underscores, '
            f"with {FIFO} behind them for a queue that keeps order"
        )
    if len(name) > QUEUE_MAX:
        raise ValueError(
            f"{created.option}: a queue would be named {name}: {len(name)} characters, SQS takes {QUEUE_MAX}"
        )


def _check_plain(created: Created) -> None:
    pattern, expected = _PLAIN[created.kind]
    if not re.fullmatch(pattern, created.name):
        raise ValueError(f'{created.option}: found "{created.name}", expected {expected}')


def _check_bucket(created: Created) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html."""
    name = created.name
    problem = ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        problem = "3 to 63 lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit"
    elif ".." in name or re.fullmatch(r"\d+(\.\d+){3}", name):
        problem = "a name without two dots side by side that is no IP address"
    elif name.startswith(_NOT_BEFORE) or name.endswith(_NOT_BEHIND):
        problem = f"a name that does not begin with {', '.join(_NOT_BEFORE)} or end with {', '.join(_NOT_BEHIND)}"
    if problem:
        raise ValueError(f'{created.option}: found "{name}", expected {problem}')

"""A schedule's cron expression is none that EventBridge takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based: name, least, most, words
_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
_ITEM = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d+))?")


class ScheduleExpression(Rule):
    """A schedule's cron expression is none that EventBridge takes.

    Six fields: minutes, hours, day of month, month, day of week, year. One of the two days must be `?`; numbers have bounds.

    Why: EventBridge Scheduler refuses it in the middle of a deployment, which is rolled back.

    Mend: write `?` for the day that does not count, and numbers within their bounds: cron(0 12 ? * MON-FRI *).

    Example:
        [[trigger]]
        type = "schedule"
        expression = "cron(0 12 * * * *)"
        input = { instances = [[1, 2]] }
    """

    id = "schedule-expression"
    link = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for index, trigger in enumerate(subject.project.config.trigger):
            if trigger.type == "schedule" and trigger.expression.startswith("cron("):
                problem = _problem(trigger.expression[len("cron(") : -1].split())
                if problem:
                    hint = "as in cron(0 12 ? * MON-FRI *): minutes, hours, day of month, month, day of week, year"
                    yield self.setting(
                        subject, ("trigger", index, "expression"), f"{trigger.expression}: {problem}", hint
                    )


def _problem(fields: list[str]) -> str:
    """Say what is wrong, "" when nothing is."""
    if (fields[2] == "?") == (fields[4] == "?"):
        return "exactly one of day of month and day of week must be ?"
    for text, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        if text == "?" and name.startswith("day"):
            continue
        for item in text.split(","):
            if not _is_fine(item, least, most, words, special="LW#" if name.startswith("day") else ""):
                return f"{item} is no {name}: {least} to {most}{f', {words[0]} to {words[-1]}' if words else ''}"
    return ""


def _is_fine(item: str, least: int, most: int, words: tuple[str, ...], special: str) -> bool:
    """Say whether a part of a field is within its bounds; what is special of days (L, W, #) is EventBridge's to judge."""
    if any(mark in item.upper().replace("WED", "").replace("JUL", "") for mark in special):
        return True
    found = _ITEM.fullmatch(item)
    if found is None:
        return False
    ends = [each for each in (found["from"], found["to"]) if each not in (None, "*")]
    return all(each.upper() in words or (each.isdecimal() and least <= int(each) <= most) for each in ends)

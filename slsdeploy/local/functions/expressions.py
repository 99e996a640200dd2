"""Schedule expressions -> when they are due: rate(5 minutes), cron(0 12 * * ? *), at(2026-01-01T12:00:00). Pure.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


def is_due(expression: str, zone: tzinfo, created: datetime, last: datetime, now: datetime) -> bool:
    """Say whether a schedule has a time after `last` and not after `now`; all three know their time zone.

    Raises ValueError for an expression that is none.
    """
    kind, _, inside = expression.partition("(")
    inside = inside.removesuffix(")").strip()
    if kind == "at":
        time = datetime.fromisoformat(inside).replace(tzinfo=zone)
        return last < time <= now
    if kind == "rate":
        return _beats(inside, created, now) > _beats(inside, created, last)
    if kind == "cron":
        return any(fits(inside, minute) for minute in _minutes(last.astimezone(zone), now.astimezone(zone)))
    raise ValueError(f"{expression} is no schedule expression")


def _beats(rate: str, created: datetime, time: datetime) -> int:
    found = re.fullmatch(r"(\d+) +(minute|hour|day)s?", rate)
    if not found or int(found[1]) < 1:
        raise ValueError(f"rate({rate}) is no schedule expression")
    return int((time - created).total_seconds() // (int(found[1]) * _UNITS[found[2]]))


def _minutes(last: datetime, now: datetime) -> Iterator[datetime]:
    """Yield the full minutes after one time, up to another; a day of them at most."""
    minute = max(last, now - timedelta(days=1)).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while minute <= now:
        yield minute
        minute += timedelta(minutes=1)


def fits(cron: str, time: datetime) -> bool:
    """Say whether a minute is one of a cron expression's: minutes hours day-of-month month day-of-week year."""
    fields = cron.upper().split()
    if len(fields) != 6:
        raise ValueError(f"cron({cron}) has {len(fields)} fields, not six")
    minute, hour, day, month, weekday, year = fields
    values = ((minute, time.minute, 0), (hour, time.hour, 1), (month, time.month, 3), (year, time.year, 5))
    if not all(value in set(_values(field, which)) for field, value, which in values):
        return False
    return _fits_day(day, time) if weekday == "?" else _fits_weekday(weekday, time)


def _fits_day(field: str, time: datetime) -> bool:
    last = calendar.monthrange(time.year, time.month)[1]
    if field == "L":
        return time.day == last
    if field.endswith("W"):
        wanted = last if field == "LW" else min(int(field[:-1]), last)
        return time.day == _nearest_weekday(time, wanted, last)
    return time.day in set(_values(field, 2))


def _nearest_weekday(time: datetime, day: int, last: int) -> int:
    """Return the weekday nearest to a day, in the same month."""
    weekday = time.replace(day=day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _fits_weekday(field: str, time: datetime) -> bool:
    today = time.isoweekday() % 7 + 1  # 1 is Sunday
    if "#" in field:
        day, _, which = field.partition("#")
        return today == _number(day, 4) and (time.day - 1) // 7 + 1 == int(which)
    if field.endswith("L"):
        last = calendar.monthrange(time.year, time.month)[1]
        return today == (_number(field[:-1], 4) if field[:-1] else 7) and time.day > last - 7
    return today in set(_values(field, 4))


def _values(field: str, which: int) -> Iterator[int]:
    """Yield what a field stands for: `*`, numbers and names, ranges, steps, lists."""
    least, most = _RANGES[which]
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, end = span.partition("-")
        start = least if first in ("*", "?") else _number(first, which)
        is_open = first in ("*", "?") or (step and not end)
        stop = most if is_open else _number(end or first, which)
        yield from range(start, stop + 1, int(step) if step else 1)


def _number(text: str, which: int) -> int:
    named = {3: _MONTHS, 4: _DAYS}.get(which, {})
    return named[text] if text in named else int(text)

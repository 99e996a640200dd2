"""When a schedule's expression is due: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from slsdeploy.local.functions.expressions import fits, is_due


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "time", "is_one"),
    [
        ("0 12 * * ? *", "2026-03-04T12:00", True),
        ("0 12 * * ? *", "2026-03-04T12:01", False),
        ("0/15 * * * ? *", "2026-03-04T07:45", True),
        ("0/15 * * * ? *", "2026-03-04T07:50", False),
        ("15 10 ? * MON-FRI *", "2026-03-06T10:15", True),  # a Friday
        ("15 10 ? * MON-FRI *", "2026-03-07T10:15", False),
        ("0 8 1 * ? *", "2026-03-01T08:00", True),
        ("0 8 L * ? *", "2026-02-28T08:00", True),
        ("0 8 L * ? *", "2026-02-27T08:00", False),
        ("0 8 15W * ? *", "2026-03-16T08:00", True),  # the 15th is a Sunday
        ("0 8 1W * ? *", "2026-08-03T08:00", True),  # the 1st is a Saturday: not in July
        ("0 8 LW * ? *", "2026-05-29T08:00", True),  # the last one is a Sunday
        ("0 8 ? * 6L *", "2026-03-27T08:00", True),  # the last Friday
        ("0 8 ? * 6L *", "2026-03-20T08:00", False),
        ("0 8 ? * L *", "2026-03-07T08:00", False),
        ("0 8 ? * L *", "2026-03-28T08:00", True),  # the last Saturday
        ("0 8 ? * TUE#2 *", "2026-03-10T08:00", True),
        ("0 8 ? * 3#2 *", "2026-03-03T08:00", False),
        ("0 8 1,15 JAN,MAR ? 2026", "2026-03-15T08:00", True),
        ("0 8 1,15 JAN,MAR ? 2025-2026", "2026-02-15T08:00", False),
        ("0 8-10/2 * * ? *", "2026-03-15T10:00", True),
        ("0 8-10/2 * * ? *", "2026-03-15T09:00", False),
        ("0 8 ? * SUN *", "2026-03-08T08:00", True),
    ],
)
def test_the_minutes_of_a_cron_expression(cron: str, time: str, is_one: bool) -> None:
    assert fits(cron, at(time)) is is_one


def due(expression: str, last: str, now: str, created: str = "2026-03-04T12:00:30", zone: str = "UTC") -> bool:
    return is_due(expression, ZoneInfo(zone), at(created), at(last), at(now))


def test_a_rate_beats_from_when_it_was_made() -> None:
    assert not due("rate(1 minute)", "2026-03-04T12:00:30", "2026-03-04T12:01:29")
    assert due("rate(1 minute)", "2026-03-04T12:01:29", "2026-03-04T12:01:30")
    assert not due("rate(1 minute)", "2026-03-04T12:01:30", "2026-03-04T12:02:29")
    assert due("rate(2 hours)", "2026-03-04T14:00:29", "2026-03-04T14:00:30")
    assert due("rate(1 day)", "2026-03-05T12:00:00", "2026-03-05T12:01:00")


def test_one_time_is_due_once() -> None:
    assert due("at(2026-03-04T12:30:00)", "2026-03-04T12:29:59", "2026-03-04T12:30:00")
    assert not due("at(2026-03-04T12:30:00)", "2026-03-04T12:30:00", "2026-03-04T12:30:01")
    assert not due("at(2026-03-04T11:00:00)", "2026-03-04T12:00:30", "2026-03-04T12:01:00")  # before it was made
    assert due("at(2026-03-04T13:30:00)", "2026-03-04T12:29:59", "2026-03-04T12:30:00", zone="Europe/Berlin")


def test_cron_is_due_at_its_minutes_in_its_time_zone() -> None:
    noon = "cron(0 12 * * ? *)"
    assert due(noon, "2026-03-04T11:59:59", "2026-03-04T12:00:00")
    assert not due(noon, "2026-03-04T12:00:00", "2026-03-04T12:00:01")
    assert due(noon, "2026-03-04T10:59:59", "2026-03-04T11:00:00", zone="Europe/Berlin")
    assert due(noon, "2026-07-04T09:59:59", "2026-07-04T10:00:00", zone="Europe/Berlin")  # in summer


def test_after_a_long_sleep_a_schedule_is_due_once() -> None:
    began = at("2026-03-04T12:00:00")
    assert is_due("cron(* * * * ? *)", UTC, began, began, began + timedelta(days=400))


@pytest.mark.parametrize("expression", ["", "rate(0 minutes)", "rate(often)", "cron(* * *)", "hourly", "at(soon)"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        is_due(expression, UTC, at("2026-03-04T12:00"), at("2026-03-04T12:00"), at("2026-03-04T12:05"))

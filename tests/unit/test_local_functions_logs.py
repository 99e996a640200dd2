"""What is kept of a flood of logs: its end, its metrics, and the tail that the caller gets."""

from __future__ import annotations

import pytest

from slsdeploy.local.functions.logs import BURST_BYTES, EVENT_BYTES, STREAM_BYTES, STREAM_EVENTS, TAIL_BYTES, Stream

METRICS = b'{"_aws": {"n": 1}}'


def flood(line: bytes, count: int) -> Stream:
    """Return a stream after so many lines, as they come through a pipe."""
    stream = Stream("eu-west-1", "group", "name")
    stream.start_tail()
    stream.write(METRICS + b"\n")
    text = (line + b"\n") * count
    for start in range(0, len(text), 65_536):
        stream.write(text[start : start + 65_536])
    stream.line(b"END")
    return stream


@pytest.mark.parametrize(("line", "count"), [(b"x" * 9, 200_000), (b"x" * 1023, 60_000), (b"x" * 300_000, 100)])
def test_of_a_flood_the_end_is_kept_and_no_metric_is_lost(line: bytes, count: int) -> None:
    stream = flood(line, count)
    assert stream.is_full == (len(line) * count > BURST_BYTES)
    events = stream.take()
    assert len(events) <= STREAM_EVENTS
    assert (
        min(STREAM_BYTES, STREAM_EVENTS * len(line)) // 2
        < sum(len(event["message"]) for event in events)
        <= STREAM_BYTES
    )
    assert max(len(event["message"]) for event in events) <= EVENT_BYTES + 65_537
    assert events[-1]["message"] == "END\n"
    assert stream.take_metrics() == [METRICS.decode()]
    assert not stream.is_full and stream.take() == [] and stream.take_metrics() == []
    tail = stream.end_tail()
    assert len(tail) == TAIL_BYTES and tail.endswith(line[-100:] + b"\nEND\n")


def test_what_is_no_flood_is_kept_whole() -> None:
    stream = flood(b"a line", 1000)
    assert [event["message"] for event in stream.take()] == [METRICS.decode() + "\n", *["a line\n"] * 1000, "END\n"]
    assert stream.take_metrics() == []


def test_a_traceback_is_one_event_with_its_lines() -> None:
    stream = Stream("eu-west-1", "group", "name")
    stream.write(b"before\r\n[ERROR] no\rline 1\rline 2\nhalf")
    stream.end_line()
    assert [event["message"] for event in stream.take()] == ["before\r\n", "[ERROR] no\nline 1\nline 2\n", "half\n"]

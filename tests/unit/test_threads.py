"""How many threads a memory size buys, and whether they may wait busily."""

from __future__ import annotations

import pytest

from slsdeploy_runtime.threads import can_spin, threads


@pytest.mark.parametrize(
    ("memory", "count", "spins"),
    [(128, 1, False), (1769, 1, True), (2048, 1, True), (2700, 2, False), (3538, 2, True), (4000, 2, True)],
)
def test_threads_and_whether_they_spin(monkeypatch: pytest.MonkeyPatch, memory: int, count: int, spins: bool) -> None:
    """Two threads on one and a half vCPUs burn the quota when they wait busily."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(memory))
    assert threads() == count
    assert can_spin(count) == spins


def test_outside_of_lambda_all_processors_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", raising=False)
    assert can_spin(threads())

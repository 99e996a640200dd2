"""How long a start may wait for models: Lambda's init phase, where there is one."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from slsdeploy_runtime import window
from tests.runtime import staged
from tests.runtime.conftest import Serve, logs
from tests.runtime.several import ANSWER, ROW, fail, three

TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"


@pytest.mark.parametrize("kind", ["provisioned-concurrency", "snap-start", "lambda-managed-instances", ""])
def test_only_a_start_on_demand_has_an_end(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(TYPE, kind)
    assert window.seconds_left() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it counts from our first line on")
def test_it_counts_from_the_start_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TYPE, "on-demand")
    monkeypatch.setattr(window, "SECONDS", 100_000.0)
    left = window.seconds_left()
    assert left is not None
    age = time.time() - Path(f"/proc/{os.getpid()}").stat().st_ctime
    assert 100_000 - left == pytest.approx(age, abs=5)


def test_when_it_is_over_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TYPE, "on-demand")
    monkeypatch.setattr(window, "SECONDS", 0.0)
    assert window.seconds_left() == 0.0


class TestStart:
    """A start whose time is over when it begins."""

    @pytest.fixture(autouse=True)
    def _no_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(TYPE, "on-demand")
        monkeypatch.setattr(window, "SECONDS", 0.0)

    def test_the_load_goes_on_and_the_first_request_waits_for_it(
        self, serve: Serve, capsys: pytest.CaptureFixture[str]
    ) -> None:
        staged.on_load["a"] = lambda: time.sleep(0.5)
        began = time.monotonic()
        function = three(serve)
        assert time.monotonic() - began < 0.45
        (line,) = logs(capsys.readouterr().out)
        assert (line["level"], line["models"]) == ("WARNING", ["a", "b", "c"])
        assert function(ROW) == ANSWER
        assert function({"slsdeploy": "ready"})["ready"]
        assert staged.loads == ["a", "b", "c"]

    def test_what_fails_then_fails_the_requests_and_is_tried_again(self, serve: Serve) -> None:
        def late() -> None:
            time.sleep(0.2)
            fail("not today")

        staged.on_load["a"] = late
        function = three(serve)
        with pytest.raises(Exception, match="model 'a' cannot be loaded: RuntimeError: not today"):
            function(ROW)
        del staged.on_load["a"]
        time.sleep(1.0)
        assert function(ROW) == ANSWER
        assert function({"model": "c", **ROW}) == ANSWER

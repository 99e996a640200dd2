"""Which clients make a call again that has failed."""

from __future__ import annotations

import pytest

from slsdeploy.effects.aws import Aws


def test_lambda_makes_a_call_again_only_where_it_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    aws = Aws("us-east-1")
    invoking, asking = aws.client("lambda"), aws.client("lambda", retries=True)
    assert invoking.meta.config.retries["total_max_attempts"] == 1
    assert asking.meta.config.retries["total_max_attempts"] == 6
    assert aws.client("lambda", retries=True) is asking
    assert aws.client("sts").meta.config.retries == asking.meta.config.retries

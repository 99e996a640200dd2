"""Secrets become environment variables before the user's module is imported; against SSM and Secrets Manager in this process (moto)."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest

from slsdeploy_runtime import secrets
from tests.runtime.conftest import REGION


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def test_both_stores_are_read(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "KEY"):
        monkeypatch.setenv(name, "before")
    arn = client("secretsmanager").create_secret(Name="token", SecretString="one")["ARN"]
    client("ssm").put_parameter(Name="/iris/key", Value="two", Type="SecureString")
    secrets.load({"TOKEN": arn, "KEY": "ssm:/iris/key"}, client)
    assert (os.environ["TOKEN"], os.environ["KEY"]) == ("one", "two")


def test_a_secret_that_is_not_there_is_named(aws: None) -> None:
    with pytest.raises(secrets.SecretError, match=r"^secret KEY \(ssm:/gone\) cannot be read: ParameterNotFound"):
        secrets.load({"KEY": "ssm:/gone"}, client)

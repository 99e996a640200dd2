"""Secrets become environment variables before the user's module is imported; against SSM and Secrets Manager in this process (moto)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from slsdeploy_runtime import manifest, secrets
from slsdeploy_runtime.manifest import Secret
from tests.runtime import bundles
from tests.runtime.conftest import REGION


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


@pytest.fixture
def parameter(aws: None) -> str:
    ssm = client("ssm")
    ssm.put_parameter(Name="/iris/key", Value="two", Type="SecureString")
    arn: str = ssm.get_parameter(Name="/iris/key")["Parameter"]["ARN"]
    return arn


def test_both_services_are_read(parameter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "KEY", "SAME_KEY"):
        monkeypatch.setenv(name, "before")
    arn = client("secretsmanager").create_secret(Name="token", SecretString="one")["ARN"]
    wanted = {
        "TOKEN": Secret("secretsmanager", arn),
        "KEY": Secret("ssm", "/iris/key"),
        "SAME_KEY": Secret("ssm", parameter),
    }
    secrets.load(wanted, client)
    assert [os.environ[name] for name in wanted] == ["one", "two", "two"]


def test_a_secret_that_is_not_there_is_named(aws: None) -> None:
    with pytest.raises(secrets.SecretError, match=r"^secret KEY \(/gone\) cannot be read: ParameterNotFound"):
        secrets.load({"KEY": Secret("ssm", "/gone")}, client)


def test_the_manifest_says_which_service_has_it(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", secrets={"KEY": {"service": "ssm", "id": "/iris/key"}})
    assert manifest.read(task).secrets == {"KEY": Secret("ssm", "/iris/key")}

"""A secret's source says once which service has it: the manifest and the role's policy follow."""

from __future__ import annotations

from typing import Any

import pytest

from slsdeploy.config import secret
from slsdeploy.config.secret import Secret

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/iris/key"
OWN = {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/iris/key"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ssm:/iris/key", Secret("ssm", "/iris/key", OWN)),
        (PARAMETER, Secret("ssm", PARAMETER, PARAMETER)),
        (f"{ARN}token-Ab12Cd", Secret("secretsmanager", f"{ARN}token-Ab12Cd", f"{ARN}token-Ab12Cd")),
        (f"{ARN}token", Secret("secretsmanager", f"{ARN}token", f"{ARN}token-??????")),
        (f"{ARN}a/b-c.d@e", Secret("secretsmanager", f"{ARN}a/b-c.d@e", f"{ARN}a/b-c.d@e-??????")),
    ],
)
def test_a_source_is_understood(source: str, expected: Secret) -> None:
    assert secret.read(source) == expected


def test_an_arn_of_china_is_one_too() -> None:
    assert secret.read("arn:aws-cn:ssm:cn-north-1:123456789012:parameter/key").action == "ssm:GetParameter"


@pytest.mark.parametrize(
    "source",
    [
        "hunter2",
        "ssm:key",
        "ssm:/",
        "arn:aws:s3:::bucket",
        "arn:aws:ssm:eu-west-1:123456789012:document/x",
        ARN,
        f"{ARN}*",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/*",
    ],
)
def test_what_is_no_secret_is_refused(source: Any) -> None:
    with pytest.raises(ValueError, match="expected the ARN of"):
        secret.read(source)

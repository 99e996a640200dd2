"""The source of a secret, as written in `[secrets]` -> which service has it, and under which id. Pure.

arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX     Secrets Manager; the suffix may be left out
arn:aws:ssm:REGION:ACCOUNT:parameter/NAME                    a parameter of SSM
ssm:/NAME                                                    one of the function's own account and region
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

_SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+", re.ASCII)
_PARAMETER = re.compile(r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+", re.ASCII)
_OWN_PARAMETER = re.compile(r"ssm:(/[\w./-]+)", re.ASCII)
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: what the runtime asks for, and the ARN (or what makes it) that the role must be allowed to read."""

    service: Literal["secretsmanager", "ssm"]
    id: str
    resource: Any

    @property
    def action(self) -> str:
        """Return the permission that reading it needs."""
        return "ssm:GetParameter" if self.service == "ssm" else "secretsmanager:GetSecretValue"


def read(source: str) -> Secret:
    """Understand the source of a secret. Raises ValueError for what is none."""
    own = _OWN_PARAMETER.fullmatch(source)
    if own:
        prefix = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
        return Secret("ssm", own[1], {"Fn::Sub": prefix + own[1]})
    if _PARAMETER.fullmatch(source):
        return Secret("ssm", source, source)
    if _SECRET.fullmatch(source):
        # A secret's real ARN ends in six characters that Secrets Manager chose; policies compare with that one:
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
        return Secret("secretsmanager", source, source if _SUFFIX.search(source) else f"{source}-??????")
    raise ValueError('expected the ARN of a Secrets Manager secret or of an SSM parameter, or "ssm:/" and its name')

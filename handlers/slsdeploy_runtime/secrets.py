"""Secrets -> environment variables, read once at start, before the user's module is imported.

A source is a Secrets Manager ARN, or `ssm:/name` for an SSM parameter (decrypted).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

SSM = "ssm:"


class SecretError(Exception):
    """A secret could not be read."""


def load(secrets: Mapping[str, str], client: Callable[[str], Any]) -> None:
    """Set an environment variable for every secret. Raises SecretError, which never holds a value."""
    for variable, source in secrets.items():
        try:
            os.environ[variable] = _read(source, client)
        except Exception as error:
            raise SecretError(
                f"secret {variable} ({source}) cannot be read: {type(error).__name__}: {error}"
            ) from error


def _read(source: str, client: Callable[[str], Any]) -> str:
    if source.startswith(SSM):
        name = source.removeprefix(SSM)
        return str(client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    secret = client("secretsmanager").get_secret_value(SecretId=source)
    return str(secret["SecretString"] if "SecretString" in secret else secret["SecretBinary"].decode())

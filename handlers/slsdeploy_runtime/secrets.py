"""Secrets -> environment variables, read once at start, before the user's module is imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from slsdeploy_runtime.manifest import Secret


class SecretError(Exception):
    """A secret could not be read."""


def load(secrets: Mapping[str, Secret], client: Callable[[str], Any]) -> None:
    """Set an environment variable for every secret. Raises SecretError, which never holds a value."""
    for variable, secret in secrets.items():
        try:
            os.environ[variable] = _read(secret, client(secret.service))
        except Exception as error:
            raise SecretError(
                f"secret {variable} ({secret.id}) cannot be read: {type(error).__name__}: {error}"
            ) from error


def _read(secret: Secret, client: Any) -> str:
    if secret.service == "ssm":
        return str(client.get_parameter(Name=secret.id, WithDecryption=True)["Parameter"]["Value"])
    answer = client.get_secret_value(SecretId=secret.id)
    return str(answer["SecretString"] if "SecretString" in answer else answer["SecretBinary"].decode())

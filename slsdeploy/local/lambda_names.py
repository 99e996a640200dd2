"""The ways to name a function (name, partial ARN, ARN; each with or without a qualifier) -> name and qualifier; and the account."""

from __future__ import annotations

ACCOUNT = "123456789012"


def split(name: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """Return the function's name and qualifier; one in the name counts before one beside it.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#lambda-Invoke-request-FunctionName
    """
    parts = name.split(":")
    if parts[0] == "arn":
        parts = parts[6:]
    elif len(parts) > 2 and parts[1] == "function":
        parts = parts[2:]
    return parts[0], parts[1] if len(parts) > 1 else qualifier


def arn(region: str, function: str, qualifier: str | None = None) -> str:
    """Return the ARN of a function, a version or an alias."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function}" + (f":{qualifier}" if qualifier else "")

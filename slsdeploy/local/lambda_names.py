"""The ways to name a function (name, partial ARN, ARN; each with or without a qualifier) -> name and qualifier."""

from __future__ import annotations

import json

from werkzeug.wrappers import Response

ACCOUNT = "123456789012"


def split(name: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """Return the function's name and qualifier; one in the name counts before one beside it."""
    parts = name.split(":")
    if "function" in parts[:-1]:
        parts = parts[len(parts) - 1 - parts[::-1].index("function") + 1 :]
    return parts[0], parts[1] if len(parts) > 1 else qualifier


def arn(region: str, function: str, qualifier: str | None = None) -> str:
    """Return the ARN of a function, a version or an alias."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function}" + (f":{qualifier}" if qualifier else "")


def refusal(status: int, kind: str, message: str) -> Response:
    """Return an error as Lambda's API answers it."""
    body = json.dumps({"Type": "User" if status < 500 else "Service", "Message": message, "message": message})
    return Response(body, status, {"Content-Type": "application/json", "x-amzn-ErrorType": kind})

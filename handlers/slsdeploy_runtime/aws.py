"""AWS clients from the boto3 that the managed runtime brings: made when first needed, then kept."""

from __future__ import annotations

import os
from typing import Any

_clients: dict[str, Any] = {}


def client(service: str) -> Any:
    """Return this environment's client of an AWS service; only a function that talks to AWS pays for importing boto3."""
    if service not in _clients:
        import boto3
        from botocore.config import Config

        # botocore waits 60 s for a connection; a function that cannot reach AWS should fail before its own timeout
        config = Config(connect_timeout=5, read_timeout=25, retries={"mode": "standard", "max_attempts": 3})
        # Lambda says its region in AWS_REGION, boto3 looks for AWS_DEFAULT_REGION
        _clients[service] = boto3.client(service, os.environ.get("AWS_REGION"), config=config)
    return _clients[service]

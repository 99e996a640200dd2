"""boto3 clients of the local AWS itself, one per region and service, made once."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

# Any credentials do: the local AWS does not check them.
_CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


class Clients:
    """Makes and keeps clients; making one reads botocore's model of its service, which takes a while."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        # A session of our own that reads no files: the user's profile may name a role, a proxy or another endpoint.
        self._session = boto3.session.Session(region_name="us-east-1", **_CREDENTIALS)

    def get(self, region: str, service: str) -> Any:
        """Return the client of a service ("lambda") in a region."""
        with self._lock:
            key = (region, service)
            if key not in self._clients:
                self._clients[key] = self._make(region, service)
            return self._clients[key]

    def _make(self, region: str, service: str) -> Any:
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=60,
            s3={"addressing_style": "path"},
            proxies={},
            inject_host_prefix=False,
        )
        return self._session.client(service, region_name=region, endpoint_url=self._endpoint, config=config)

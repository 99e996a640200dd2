"""A local Lambda over moto's own server, for the tests of the data plane: no front and no CloudFormation of ours."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from slsdeploy.local.functions import Functions, InvokeCall, InvokeResult

REGION = "eu-central-1"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o755 if name.endswith("bootstrap") else 0o644) << 16
            archive.writestr(member, content)
    return buffer.getvalue()


class Lab:
    """moto's server, a `Functions` and clients for both."""

    def __init__(self, endpoint: str, functions: Functions) -> None:
        self.endpoint = endpoint
        self.functions = functions
        self._role = ""

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, read_timeout=30),
        )

    @property
    def role(self) -> str:
        if not self._role:
            made = self.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")
            self._role = made["Role"]["Arn"]
        return self._role

    def create(self, name: str, code: str | Mapping[str, str | bytes], **options: Any) -> str:
        """Create a function whose `app.handler` is in this code; return its ARN."""
        files = {"app.py": code} if isinstance(code, str) else code
        settings = {"Runtime": RUNTIME, "Handler": "app.handler", "MemorySize": 256, "Timeout": 10, **options}
        made = self.client("lambda").create_function(
            FunctionName=name, Role=self.role, Code={"ZipFile": zipped(files)}, **settings
        )
        self.functions.changed()
        return str(made["FunctionArn"])

    def invoke(self, name: str, event: Any = None, **options: Any) -> InvokeResult:
        call = InvokeCall(REGION, name, payload=json.dumps(event or {}).encode(), **options)
        return self.functions.invoke(call)

    def ask(self, name: str, event: Any = None) -> Any:
        """Invoke a function that must succeed; return its answer."""
        result = self.invoke(name, event)
        assert result.function_error is None and result.status_code == 200, result.payload
        return json.loads(result.payload)

    def log(self, group: str) -> list[str]:
        """Return every message of a log group; nothing while there is none."""
        logs = self.client("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            return [event["message"] for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []


def shared_cache(base: Path) -> Path:
    """Return the cache of every local Lambda of a test run: what is installed for functions is the same for each of them.

    `base` is pytest's temporary folder; the workers of pytest-xdist have theirs side by side.
    """
    return (base.parent if base.name.startswith("popen-") else base) / "local-lambda-cache"


@contextmanager
def local_lambda(folder: Path) -> Iterator[Lab]:
    """Run a local Lambda; everything it starts is ended with the block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    functions = Functions(endpoint=endpoint, state=folder / "state", cache=shared_cache(folder.parent))
    functions.start()
    try:
        yield Lab(endpoint, functions)
    finally:
        functions.stop()
        # moto's state belongs to the process, not to its server.
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):
            pass
        server.stop()


def eventually(check: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true thing that `check` returns; fail when there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds: {check()!r}")

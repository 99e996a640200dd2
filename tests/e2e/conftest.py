"""The local AWS for the end-to-end tests: the real daemon, once per test process, in folders of its own."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from slsdeploy.local import daemon
from tests.e2e.local_lambda import shared_cache

REGION = "us-east-1"
_COUNT = itertools.count()


@dataclass(frozen=True)
class LocalAws:
    """A local AWS that runs, and what tests do with it."""

    endpoint: str
    pid: int

    def client(self, service: str, region: str = REGION) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=region, endpoint_url=self.endpoint, **keys)

    def name(self, stem: str = "stack") -> str:
        """Return a name that no other test has."""
        return f"{stem}-{os.getpid()}-{next(_COUNT)}"

    def deploy(
        self, stack: str, template: Mapping[str, Any] | str, retain_except_on_create: bool = False, **given: Any
    ) -> Stack:
        """Deploy as `aws cloudformation deploy` does; wait for the end, whatever it is."""
        client = self.client("cloudformation")
        text = template if isinstance(template, str) else json.dumps(template)
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{next(_COUNT)}",
            TemplateBody=text,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **{"ChangeSetType": "CREATE", **given},
        )
        client.execute_change_set(ChangeSetName=made["Id"], RetainExceptOnCreate=retain_except_on_create)
        return self.wait(made["StackId"])

    def update(self, stack: str, template: Mapping[str, Any] | str, **given: Any) -> Stack:
        return self.deploy(stack, template, ChangeSetType="UPDATE", **given)

    def wait(self, stack: str) -> Stack:
        """Wait until nothing happens to a stack any more."""
        client = self.client("cloudformation")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = client.describe_stacks(StackName=stack)["Stacks"][0]
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                events = client.describe_stack_events(StackName=stack)["StackEvents"][::-1]
                return Stack(found["StackStatus"], found, tuple(events))
            time.sleep(0.02)
        raise TimeoutError(f"{stack} is still {found['StackStatus']}")

    def cli(self, *words: str, given: bytes = b"") -> str:
        """Run the `aws` command line against it; return what it printed."""
        aws = Path(sys.executable).with_name("aws")
        done = subprocess.run(
            [str(aws), *words], input=given, capture_output=True, timeout=60, env=self.environment(), check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        return {**kept, **keys, "AWS_ENDPOINT_URL": self.endpoint, "AWS_PAGER": "", "AWS_CONFIG_FILE": os.devnull}


@dataclass(frozen=True)
class Stack:
    """A stack at rest."""

    status: str
    described: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]

    @property
    def outputs(self) -> dict[str, str]:
        return {item["OutputKey"]: item["OutputValue"] for item in self.described.get("Outputs", ())}

    def history(self, logical_id: str) -> list[str]:
        """Return the statuses of a resource, in order."""
        return [event["ResourceStatus"] for event in self.events if event["LogicalResourceId"] == logical_id]

    def first_failure(self) -> Mapping[str, Any]:
        return next(event for event in self.events if event["ResourceStatus"].endswith("_FAILED"))


@pytest.fixture(scope="session")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State and cache folders that are this test process's own."""
    folder = tmp_path_factory.mktemp("local-aws")
    shared = shared_cache(tmp_path_factory.getbasetemp())
    shared.mkdir(exist_ok=True)
    (folder / "cache").mkdir()
    (folder / "cache" / "local").symlink_to(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLSDEPLOY_STATE_DIR", str(folder / "state"))
        patch.setenv("SLSDEPLOY_CACHE_DIR", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="session")
def local_aws(own_folders: Path) -> Iterator[LocalAws]:
    """The local AWS, started once and shared: use names of your own (`local_aws.name()`)."""
    started = daemon.start(None)
    yield LocalAws(started.endpoint, started.pid)
    daemon.stop()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Wait (at most 20 s) until something is true; return it."""

    def wait(probe: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if found := probe():
                return found
            time.sleep(0.05)
        raise TimeoutError("it did not come true in 60 s")

    return wait

"""`up --local --engine`: functions in real containers, upon a base of this machine's Python. An engine that runs none is skipped."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from slsdeploy import app, invoking
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError
from slsdeploy.interpreters import find_interpreter
from slsdeploy.results.deploy import Upped
from slsdeploy.tools import Tools
from tests.e2e import container_engines, engine_base
from tests.fakes import FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
HANDLER = """
import os, json
def preprocess(request):
    said = {}
    for place in ("/tmp/x", "/var/task/x", "/x"):
        try:
            with open(place, "w") as file:
                file.write("x")
            said[place] = "written"
        except OSError as error:
            said[place] = error.strerror
    said["user"] = os.getuid()
    said["task"] = os.path.isfile("/var/task/handler.py")
    said["host"] = os.path.exists("/var/lib")
    said["room"] = os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize // 1024**2
    print("said", json.dumps(said))
    if request.data == "hungry":
        big = bytearray(900 * 1024**2)
        big[::4096] = b"x" * len(big[::4096])
    if request.data == "endless":
        while True:
            pass
    return {"measurements": [[7.0, 3.2, 4.7, 1.4]]}
"""
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=container_engines.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if reason := container_engines.why_not(request.param):
        pytest.skip(reason)
    if find_interpreter("3.13", SystemShell()) is None:
        pytest.skip("there is no Python 3.13 here to make a base image of")
    return str(request.param)


@dataclass
class Desk:
    """A copy of samples/iris, built upon the base."""

    root: Path
    tools: Tools
    engine: str

    @property
    def where(self) -> Where:
        return Where(self.root, local=True, engine=self.engine)

    def up(self) -> Upped:
        return app.up(self.where, self.tools)

    def ask(self, event: Any) -> Any:
        return invoking.invoke(self.where, self.tools, json.dumps(event).encode())

    def containers(self) -> list[str]:
        return container_engines.run(self.engine, "ps", "--all", "--quiet", "--filter", "name=slsdeploy-").split()


@pytest.fixture(scope="module")
def desk(engine: str, local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("engine")
    root = folder / "iris"
    shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
    host = urlsplit(local_aws.endpoint).netloc
    repository = local_aws.name("base")
    local_aws.client("ecr").create_repository(repositoryName=repository)
    interpreter = find_interpreter("3.13", SystemShell())
    assert interpreter is not None
    base = engine_base.push(host, repository, interpreter, ARCHITECTURE, folder)
    if reason := container_engines.why_no_container(engine, base, "python3", "-c", ""):
        pytest.skip(reason)
    text = (root / "slsdeploy.toml").read_text().replace('"iris"', f'"{local_aws.name("iris")}"', 1)
    own = f'package = "image"\nmemory = 512\nephemeral_storage = 600\ntimeout = 3\n{text}\n[image]\nbase = "{base}"\n'
    (root / "slsdeploy.toml").write_text(own)
    (root / "handler.py").write_text(HANDLER)
    shell = SystemShell()
    tools = Tools(shell, FakeReporter(), lambda _: Aws(None, local_aws.endpoint), OciRegistry(shell))
    desk = Desk(root, tools, engine)
    yield desk
    app.down(desk.where, tools)


def test_it_answers_from_a_container_with_lambdas_limits(desk: Desk, local_aws: Any) -> None:
    first = desk.up()
    assert first.changed
    assert desk.ask({}).payload["outputs"]["label"] == ["versicolor"]
    (running,) = desk.containers()
    said = json.loads(container_engines.run(desk.engine, "inspect", running))[0]
    assert said["HostConfig"]["ReadonlyRootfs"]
    assert said["HostConfig"]["Memory"] == 512 * 1024**2
    lines = [line.message for line in Aws(None, local_aws.endpoint).logs(first.function_name, 0, follow=False)]
    told = json.loads(next(line for line in lines if line.startswith("said")).partition(" ")[2])
    assert told == {
        "/tmp/x": "written",
        "/var/task/x": "Read-only file system",
        "/x": "Read-only file system",
        "user": 993,
        "task": True,
        "host": False,
        "room": 600,
    }
    report = next(line for line in reversed(lines) if line.startswith("REPORT"))
    assert int(report.partition("Max Memory Used: ")[2].split()[0]) > 20
    assert not desk.up().changed


def test_time_and_memory_end_the_container(desk: Desk, eventually: Any) -> None:
    desk.up()
    endless = desk.ask("endless")
    assert (endless.error["type"], "timed out after 3.00 seconds" in endless.error["message"]) == (
        "Sandbox.Timedout",
        True,
    )
    assert eventually(lambda: desk.containers() == [])
    hungry = desk.ask("hungry")
    assert hungry.error["type"] == "Runtime.OutOfMemory"
    assert desk.ask({}).error is None


def test_an_engine_is_for_images_of_the_local_aws(desk: Desk) -> None:
    with pytest.raises(ProjectError, match="--engine says what runs functions of the local AWS"):
        app.up(Where(desk.root, engine="docker"), desk.tools)
    with pytest.raises(ProjectError, match="only functions of container images run in containers"):
        app.up(Where(desk.root, local=True, engine="docker", overrides={"package": "zip"}), desk.tools)


def test_down_leaves_no_container(desk: Desk, eventually: Any) -> None:
    desk.up()
    assert desk.ask({}).error is None
    assert desk.containers()
    app.down(desk.where, desk.tools)
    assert eventually(lambda: desk.containers() == [])

"""How a function's container is asked for, of each engine; what is said of one that is not there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from slsdeploy.local.functions.containers import Engines
from slsdeploy.local.functions.values import ContainerImage, FunctionSpec
from slsdeploy.reach import LOCAL_ENGINE
from slsdeploy.tools import Completed
from tests.engines import EngineShell
from tests.fakes import FakeShell

IMAGE = ContainerImage("127.0.0.1:5000/iris", "sha256:" + "0" * 64, (), ("/start", "now"), ("handler",))


def argv(engine: str, tmp_path: Path) -> list[str]:
    spec = FunctionSpec(
        region="us-east-1",
        account="123456789012",
        name="iris",
        version="1",
        runtime="",
        handler="",
        memory=512,
        timeout=3,
        storage=600,
        environment={LOCAL_ENGINE: engine},
        code=IMAGE,
        layers=(),
        log_group="",
    )
    shell = FakeShell({engine: lambda argv: Completed(0, "", "")})
    made = list(Engines(shell, tmp_path).run(spec, IMAGE, {"A": "b"}, {}).argv)
    pulled = shell.calls[-1]
    assert pulled[:2] == [engine, "pull"]
    assert ("--tls-verify=false" in pulled) == (engine == "podman")  # Docker does that by itself on loopback
    return made


def limits(made: list[str]) -> dict[str, str]:
    words = [after for word, after in itertools.pairwise(made) if word == "--ulimit"]
    return dict(word.split("=") for word in words)


def test_docker_is_told_lambda_s_limits_alone(tmp_path: Path) -> None:
    made = argv("docker", tmp_path)
    assert limits(made) == {"nofile": "1024:1024"}
    assert "--log-driver" not in made
    assert made[-3:] == [f"{IMAGE.repository}@{IMAGE.digest}", "now", "handler"]


def test_podman_asks_for_no_more_than_it_may_have(tmp_path: Path) -> None:
    made = argv("podman", tmp_path)
    found = limits(made)
    assert found.pop("nofile") == "1024:1024"
    soft, hard = found.pop("nproc").split(":")
    assert soft == hard
    assert 0 < int(hard) <= 32768
    assert not found
    assert made[made.index("--log-driver") + 1] == "passthrough"


@pytest.mark.parametrize(
    ("engine", "said"),
    [("podman", "^there is no program podman"), ("lxc", '^"lxc" is no engine that is known here: docker or podman')],
)
def test_an_engine_that_is_not_there_is_said(engine: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        Engines(EngineShell(), tmp_path).pull(engine, IMAGE)

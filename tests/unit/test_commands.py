"""Commands in hints: whoever types them reaches the project, the stage and the AWS that the hint is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slsdeploy.commands import command
from slsdeploy.config import Config
from slsdeploy.types import Project, Target

TARGET = Target(python="3.13", architecture="arm64", platform="", interpreter=None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("SLSDEPLOY_STAGE", raising=False)
    (tmp_path / "my iris").mkdir()
    monkeypatch.chdir(tmp_path / "my iris")
    config = Config.model_construct(name="iris")
    return Project(Path.cwd(), config, "dev", False, TARGET, (), None, ())


def test_what_is_so_anyhow_is_left_out(project: Project) -> None:
    assert command(project, "down") == "slsdeploy down"


def test_the_local_aws_stays_local(project: Project) -> None:
    there = replace(project, local=True)
    assert command(there, "down") == "slsdeploy down --local"
    assert command(there, "lock", "--models") == "slsdeploy lock --models --local"


def test_another_stage_than_the_usual_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(replace(project, stage="prod"), "down") == "slsdeploy down --stage prod"
    monkeypatch.setenv("SLSDEPLOY_STAGE", "prod")
    assert command(replace(project, stage="prod"), "down") == "slsdeploy down"
    assert command(project, "down") == "slsdeploy down --stage dev"


def test_the_folder_is_the_one_that_is_seen_from_here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("..")
    assert command(project, "up") == "slsdeploy up 'my iris'"
    (Path.cwd() / "other").mkdir()
    monkeypatch.chdir("other")
    assert command(project, "up") == f"slsdeploy up '{project.root}'"

"""What a configuration means: where its files are, what the triggers are called, what the bundle must run on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slsdeploy.config import Config
from slsdeploy.errors import ProjectError
from slsdeploy.interpreters import host_minor
from slsdeploy.project import host_platform, inside, resolve
from slsdeploy.types import Project
from slsdeploy_runtime.events.http import Trigger as Http
from slsdeploy_runtime.events.sqs import Trigger as Sqs
from tests.fakes import FakeShell

OTHER = next(minor for minor in ("3.12", "3.13", "3.14") if minor != host_minor())


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder, on a machine without any other Python."""
    for name in ("PATH", "PYENV_ROOT"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.delenv("SLSDEPLOY_PYTHON", raising=False)
    (tmp_path / "iris").mkdir()
    return tmp_path / "iris"


def configured(**keys: Any) -> Config:
    return Config.model_validate({"name": "iris", **keys})


def resolved(root: Path, config: Config, *, local: bool = False) -> Project:
    return resolve(config, root, stage="dev", local=local, shell=FakeShell())


def test_a_single_model_is_served_under_the_projects_name(root: Path) -> None:
    (model,) = resolved(root, configured(model="models/iris.onnx")).models
    assert (model.name, model.path, model.version) == ("iris", root / "models/iris.onnx", "1")


def test_several_models_keep_their_names(root: Path) -> None:
    models = {"a": dict(path="a.onnx"), "b": dict(path="b.onnx", version="2")}
    found = resolved(root, configured(models=models)).models
    assert [(model.name, model.path.name, model.version) for model in found] == [
        ("a", "a.onnx", "1"),
        ("b", "b.onnx", "2"),
    ]


def test_no_model_is_an_error(root: Path) -> None:
    with pytest.raises(ProjectError, match="no model"):
        resolved(root, configured())


@pytest.mark.parametrize("path", ["../iris.onnx", "models/../../iris.onnx", "/etc/passwd"])
def test_paths_that_leave_the_project_are_refused(root: Path, path: str) -> None:
    with pytest.raises(ProjectError, match="outside of the project folder"):
        inside(root, path)


def test_links_that_leave_the_project_are_refused(root: Path) -> None:
    (root.parent / "secret.onnx").write_bytes(b"x")
    (root / "iris.onnx").symlink_to(root.parent / "secret.onnx")
    with pytest.raises(ProjectError, match="a link that leaves the project folder"):
        resolved(root, configured(model="iris.onnx"))


def test_folders_that_are_links_out_of_the_project_are_refused(root: Path) -> None:
    (root.parent / "shared").mkdir()
    (root / "models").symlink_to(root.parent / "shared")
    with pytest.raises(ProjectError, match="leaves the project folder"):
        resolved(root, configured(model="models/iris.onnx"))


def test_links_within_the_project_are_fine(root: Path) -> None:
    (root / "v2.onnx").write_bytes(b"x")
    (root / "iris.onnx").symlink_to("v2.onnx")
    assert resolved(root, configured(model="iris.onnx")).models[0].path == root / "iris.onnx"


def test_the_handler_is_found_by_its_default_name(root: Path) -> None:
    assert resolved(root, configured(model="i.onnx")).handler is None
    (root / "handler.py").write_text("")
    handler = resolved(root, configured(model="i.onnx")).handler
    assert handler and (handler.module, handler.path) == ("handler", root / "handler.py")


@pytest.mark.parametrize(
    ("module", "file"), [("app", "app.py"), ("serve.main", "serve/main.py"), ("serve", "serve/__init__.py")]
)
def test_the_handler_is_found_by_its_module(root: Path, module: str, file: str) -> None:
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text("")
    handler = resolved(root, configured(model="i.onnx", handler=module)).handler
    assert handler and (handler.module, handler.path) == (module, root / file)


def test_triggers_are_numbered_by_type(root: Path) -> None:
    config = configured(model="i.onnx", trigger=(Sqs(), Http(), Sqs(queue="other")))
    found = [(trigger.name, trigger.module) for trigger in resolved(root, config).triggers]
    assert found == [
        ("SqsTrigger", "slsdeploy_runtime.events.sqs"),
        ("HttpTrigger", "slsdeploy_runtime.events.http"),
        ("SqsTrigger2", "slsdeploy_runtime.events.sqs"),
    ]


@pytest.mark.parametrize(
    ("architecture", "platform"), [("arm64", "aarch64-manylinux_2_34"), ("x86_64", "x86_64-manylinux_2_34")]
)
def test_for_aws_the_target_is_lambdas(root: Path, architecture: str, platform: str) -> None:
    config = configured(model="i.onnx", architecture=architecture, python=OTHER)
    target = resolved(root, config).target
    assert (target.python, target.architecture, target.platform) == (OTHER, architecture, platform)
    assert target.interpreter is None
    assert target.note == ""


def test_locally_the_target_is_this_machine_and_a_note_says_what_differs(root: Path) -> None:
    foreign = "x86_64" if host_platform().startswith("aarch64") else "arm64"
    target = resolved(root, configured(model="i.onnx", architecture=foreign, python=OTHER), local=True).target
    assert target.python == host_minor()
    assert target.platform == host_platform()
    assert target.interpreter is not None and target.interpreter.is_file()
    assert f"no Python {OTHER} was found" in target.note
    assert f"AWS: {foreign}" in target.note
    assert "\n" not in target.note

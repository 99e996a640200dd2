"""Which project files ship as code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slsdeploy.bundle.select import code_files
from slsdeploy.config import Config
from slsdeploy.errors import ProjectError
from slsdeploy.types import Handler, Project, Target


def lay(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def selected(root: Path, *, handler: str | None = "handler.py", **config: list[str]) -> list[str]:
    project = Project(
        root=root.resolve(),
        config=Config.model_validate({"name": "iris", "model": "iris.onnx", **config}),
        stage="dev",
        local=False,
        target=Target("3.13", "arm64", "aarch64-manylinux_2_34"),
        models=(),
        handler=Handler(Path(handler).stem, root.resolve() / handler) if handler else None,
        triggers=(),
    )
    return [path.as_posix() for path in code_files(project, frozenset({(root / "iris.onnx").resolve()}))]


def test_modules_ship_and_nothing_else(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py", "lib/a.py", "lib/deep/b.py", "README.md", "iris.onnx", "data.csv")
    assert selected(tmp_path) == ["handler.py", "lib/a.py", "lib/deep/b.py"]


def test_without_a_handler_nothing_ships(tmp_path: Path) -> None:
    lay(tmp_path, "train.py", "data.csv")
    assert selected(tmp_path, handler=None) == []


def test_without_a_handler_what_is_included_ships(tmp_path: Path) -> None:
    lay(tmp_path, "train.py", "labels.txt")
    assert selected(tmp_path, handler=None, include=["labels.txt"]) == ["labels.txt"]


@pytest.mark.parametrize(
    "path",
    [
        "slsdeploy.toml",
        "slsdeploy.lock",
        ".env",
        ".env.prod",
        ".git/hooks/x.py",
        ".slsdeploy/dev/bundle/task/handler.py",
        ".venv/lib/site.py",
        "lib/__pycache__/a.py",
        ".mypy_cache/x.py",
        "iris.onnx",
    ],
)
def test_some_files_never_ship(tmp_path: Path, path: str) -> None:
    lay(tmp_path, "handler.py", path)
    assert selected(tmp_path, include=["**", "*"]) == ["handler.py"]


def test_environments_under_any_name_stay_behind(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py", "myenv/pyvenv.cfg", "myenv/lib/x.py")
    assert selected(tmp_path) == ["handler.py"]


def test_tests_stay_behind_unless_asked_for(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py", "tests/test_a.py", "test_b.py", "conftest.py", "lib/a_test.py", "tests/data.json")
    assert selected(tmp_path) == ["handler.py"]
    assert selected(tmp_path, include=["tests/data.json"]) == ["handler.py", "tests/data.json"]


def test_patterns_are_gitignores(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py", "lib/a.txt", "lib/b.txt", "lib/c.py", "d.txt", "train/x.py")
    found = selected(tmp_path, include=["*.txt", "!/d.txt"], exclude=["train/", "lib/b.*"])
    assert found == ["handler.py", "lib/a.txt", "lib/c.py"]


def test_links_within_the_project_ship(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py", "shared/a.py")
    (tmp_path / "b.py").symlink_to("shared/a.py")
    (tmp_path / "also").symlink_to("shared")
    assert selected(tmp_path) == ["also/a.py", "b.py", "handler.py", "shared/a.py"]


def test_a_link_that_leaves_the_project_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    lay(tmp_path, "secrets.py", "project/handler.py")
    (root / "keys.py").symlink_to(tmp_path / "secrets.py")
    with pytest.raises(ProjectError, match=r"keys.py is a link that leaves the project folder"):
        selected(root)
    assert selected(root, exclude=["keys.py"]) == ["handler.py"]


def test_a_folder_that_is_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    lay(tmp_path, "elsewhere/a.py", "project/handler.py")
    (root / "lib").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="lib is a link that leaves the project folder"):
        selected(root)
    assert selected(root, exclude=["lib/"]) == ["handler.py"]


def test_a_link_inside_a_linked_folder_is_refused_too(tmp_path: Path) -> None:
    root = tmp_path / "project"
    lay(tmp_path, "secrets.py", "project/handler.py", "project/.shared/x.py")
    (root / ".shared" / "keys.py").symlink_to(tmp_path / "secrets.py")
    (root / "lib").symlink_to(".shared")
    with pytest.raises(ProjectError, match="leaves the project folder"):
        selected(root)


def test_a_link_to_nowhere_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py")
    (tmp_path / "lost.py").symlink_to("gone.py")
    with pytest.raises(ProjectError, match="points nowhere"):
        selected(tmp_path)


def test_a_handler_that_is_excluded_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py")
    with pytest.raises(ProjectError, match=r"the handler handler.py is left out"):
        selected(tmp_path, exclude=["*.py"])


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes among its files")
    lay(tmp_path, "handler.py")
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(ProjectError, match=r"pipe.py is a pipe, a socket or a device"):
        selected(tmp_path)


def test_what_is_no_pattern_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "handler.py")
    with pytest.raises(ProjectError, match="Invalid git pattern") as raised:
        selected(tmp_path, include=["!"])
    assert "gitignore" in raised.value.hint
    with pytest.raises(ProjectError, match="Invalid git pattern"):
        selected(tmp_path, exclude=["!"])

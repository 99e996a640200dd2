"""Interpreters are found by asking them, not by their names; a missing program is a ToolError."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ToolError
from slsdeploy.interpreters import find_interpreter, host_interpreter, host_minor


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no Python but the one that runs this."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/nonexistent")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.delenv("SLSDEPLOY_PYTHON", raising=False)


def fake_python(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_host_s_own_python_is_found_outside_its_virtual_environment() -> None:
    found = find_interpreter(host_minor(), SystemShell())
    assert found == host_interpreter()
    assert not str(found).startswith(sys.prefix + "/")


def test_no_interpreter_of_that_version() -> None:
    assert find_interpreter("3.99", SystemShell()) is None


def test_a_shim_that_fails_is_passed_over_for_pyenv_s_version(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin" / "python3.99", "pyenv: python3.99: command not found", 127)
    fake_python(tmp_path / "pyenv/versions/3.99.9/bin/python3.99", "cpython 3.99 /found/9")
    fake_python(tmp_path / "pyenv/versions/3.99.10/bin/python3.99", "cpython 3.99 /found/10")
    assert find_interpreter("3.99", SystemShell()) == Path("/found/10")


def test_another_version_under_the_wanted_name_is_not_taken(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin" / "python3.99", "cpython 3.98 /somewhere")
    assert find_interpreter("3.99", SystemShell()) is None


def test_uv_s_interpreters_are_found(tmp_path: Path) -> None:
    fake_python(tmp_path / "uv/cpython-3.99.1-linux-x86_64-gnu/bin/python3.99", "cpython 3.99 /uv")
    assert find_interpreter("3.99", SystemShell()) == Path("/uv")


def test_the_override_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python(tmp_path / "bin" / "python3.99", "cpython 3.99 /path")
    monkeypatch.setenv("SLSDEPLOY_PYTHON", str(fake_python(tmp_path / "mine", "cpython 3.99 /mine here")))
    assert find_interpreter("3.99", SystemShell()) == Path("/mine here")


def test_a_missing_program_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="no program slsdeploy-nothing"):
        SystemShell().run(["slsdeploy-nothing"])


def test_a_missing_folder_is_not_called_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="there is no folder"):
        SystemShell().run([sys.executable, "-c", "pass"], cwd=tmp_path / "gone")


def test_the_exit_code_and_both_outputs_come_back() -> None:
    done = SystemShell().run(
        [sys.executable, "-c", "import os, sys; print(os.environ['A']); sys.exit('no')"], env={"A": "1"}
    )
    assert (done.code, done.stdout, done.stderr) == (1, "1\n", "no\n")

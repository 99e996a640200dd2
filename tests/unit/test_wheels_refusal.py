"""What uv says when it fails, recorded, and what a person gets to read."""

from __future__ import annotations

import pytest

from slsdeploy.bundle.refusal import translate
from slsdeploy.bundle.wheels import check_origin
from slsdeploy.errors import BuildError, ProjectError, SlsdeployError, ToolError

PLATFORM = """\
error: No solution found when resolving dependencies
  cause: Because mkl==2024.2.0 has no wheels with a matching platform tag (e.g., `manylinux_2_34_aarch64`) and you
         require mkl==2024.2.0, we can conclude that your requirements are unsatisfiable.

hint: Wheels are available for `mkl` (v2024.2.0) on the following platforms: `manylinux1_x86_64`, `win_amd64`
"""
ABI = """\
error: No solution found when resolving dependencies
  cause: Because torch==1.13.1 has no wheels with a matching Python ABI tag (e.g., `cp313`) and you
         require torch==1.13.1, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.13 (`cp313`), but we only found wheels for `torch` (v1.13.1) with the following Python ABI tags: `cp37m`
"""
SOURCE_ONLY = """\
error: No solution found when resolving dependencies
  cause: Because all versions of uwsgi have no usable wheels and you
         require uwsgi, we can conclude that your requirements are unsatisfiable.

hint: Wheels are required for `uwsgi` because building from source is disabled for all packages (i.e., with `--no-build`)
"""
OLDER_UV = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because torch==1.13.1 has no wheels with a matching Python ABI tag (e.g., `cp313`) and you
         require torch==1.13.1, we can
      conclude that your requirements are unsatisfiable.
"""
MISSING = """\
error: No solution found when resolving dependencies
  cause: Because nosuch was not found in the package registry and you
         require nosuch, we can conclude that your requirements are unsatisfiable.
"""
RANGE = """\
error: No solution found when resolving dependencies
  cause: Because pandas>=1.5,<2 has no usable wheels and only the following versions of pandas are available:
             pandas<=1.5.3
             pandas>=2
         we can conclude that pandas>=1.5,<2 cannot be used.
"""
CONFLICT = """\
error: No solution found when resolving dependencies
  cause: Because sprocket==1.0 depends on numpy<2 and you
         require sprocket, we can conclude that you require numpy<2.
         And because you require numpy>=2, we can conclude that your requirements are unsatisfiable.
"""
DOWN = """\
error: Request failed after 3 retries in 10.0s
  cause: Failed to fetch: https://index.test/simple/numpy/
  cause: dns error
"""
UNREADABLE = """\
error: Couldn't parse requirement in `requirements.txt` at position 0
  cause: Expected one of `@`, `(`, found `b`
"""


def said(text: str, probe: list[str] | None = None) -> SlsdeployError:
    return translate(text, "requirements.txt", "Python 3.13 on aarch64-manylinux_2_34", lambda _: probe or [])


@pytest.mark.parametrize(
    ("text", "probe", "parts"),
    [
        (PLATFORM, [], ["mkl==2024.2.0 has no wheel for Python 3.13 on aarch64", "manylinux1_x86_64, win_amd64"]),
        (ABI, [], ["torch==1.13.1 has no wheel", "cp37m"]),
        (OLDER_UV, ["asked"], ["torch==1.13.1 has no wheel", "\n  asked"]),
        (SOURCE_ONLY, [], ["uwsgi has no wheel", "no wheels at all"]),
        (SOURCE_ONLY, ["for Python 3.13 it has wheels for Windows"], ["uwsgi has no wheel", "wheels for Windows"]),
        (MISSING, [], ["nosuch was not found"]),
        (MISSING, [], ["the package index has no nosuch"]),
        (RANGE, ["asked"], ["pandas>=1.5,<2 has no wheel", "\n  asked"]),
        (CONFLICT, [], ["cannot be resolved", "sprocket==1.0 depends on numpy<2", "you require numpy>=2"]),
    ],
)
def test_what_cannot_be_had(text: str, probe: list[str], parts: list[str]) -> None:
    error = said(text, probe)
    assert isinstance(error, BuildError)
    assert error.where == "requirements.txt" and error.hint
    for part in parts:
        assert part in error.message


def test_an_index_that_does_not_answer_is_not_the_projects_fault() -> None:
    error = said("warning: something\n" + DOWN)
    assert isinstance(error, ToolError)
    assert "dns error" in error.message and "warning" not in error.message


def test_a_line_that_is_no_requirement_is_the_projects() -> None:
    error = said(UNREADABLE)
    assert isinstance(error, ProjectError)
    assert "found `b`" in error.message


def test_anything_else_is_shown_as_uv_said_it() -> None:
    error = said("error: the disk is on fire\n")
    assert isinstance(error, ToolError)
    assert "the disk is on fire" in error.message


def test_what_is_only_source_can_be_made_a_wheel() -> None:
    assert "pip wheel --no-deps -w wheels 'uwsgi'" in said(SOURCE_ONLY).hint
    assert "pip wheel" not in said(SOURCE_ONLY, ["for Python 3.12 it has wheels"]).hint


@pytest.mark.parametrize(
    ("requirement", "message", "hint"),
    [
        ("-e ./gear", "-e ./gear is a path on this machine", "'./gear'"),
        ("gear @ file:///work/gear", "is a path on this machine", "'file:///work/gear'"),
        (
            "gear @ git+https://me:secret@host.test/gear@main",
            "gear @ git+https://host.test/gear@main is a repository",
            "host.test",
        ),
    ],
)
def test_what_is_no_wheel_is_refused(requirement: str, message: str, hint: str) -> None:
    with pytest.raises(BuildError) as refused:
        check_origin(requirement, "requirements.txt")
    assert message in refused.value.message and hint in refused.value.hint
    assert "pip wheel" in refused.value.hint and "secret" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("requirement", ["gear==1", "gear @ https://host.test/gear-1-py3-none-any.whl"])
def test_wheels_are_taken_from_anywhere(requirement: str) -> None:
    check_origin(requirement, "requirements.txt")

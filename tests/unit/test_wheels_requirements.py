"""What a project needs: where it is read from, and when its digest changes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from slsdeploy.bundle import requirements
from slsdeploy.bundle.requirements import ARM64, RUNTIME, Requirements
from slsdeploy.config import Config
from slsdeploy.errors import ProjectError
from slsdeploy.types import Project, Target, Trigger


def read(root: Path, stated: str | list[str] | None = None, triggers: tuple[Trigger, ...] = ()) -> Requirements:
    return requirements.read(project(root, "x86_64-manylinux_2_34", stated, triggers))


def project(
    root: Path, platform: str, stated: str | list[str] | None = None, triggers: tuple[Trigger, ...] = ()
) -> Project:
    config = Config.model_validate({"name": "iris", "model": "iris.onnx", "requirements": stated})
    return Project(root.resolve(), config, "dev", False, Target("3.13", "arm64", platform), (), None, triggers)


def test_the_runtimes_needs_are_those_that_it_is_tested_with() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert set(RUNTIME) <= set(pyproject["project"]["dependencies"])


def test_without_any_file_the_runtime_is_all(tmp_path: Path) -> None:
    assert read(tmp_path).lines == RUNTIME


def test_lambdas_arm_needs_an_onnxruntime_that_starts_there(tmp_path: Path) -> None:
    on_lambda = requirements.read(project(tmp_path, "aarch64-manylinux_2_34"))
    assert on_lambda.lines == (*RUNTIME, *ARM64)
    here = requirements.read(project(tmp_path, "aarch64-apple-darwin"))
    assert here.lines == RUNTIME
    assert on_lambda.digest != here.digest


def test_the_key_comes_first_then_requirements_txt_then_uv_lock_then_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["a"]\n')
    assert read(tmp_path).lines == ("a", *RUNTIME)
    (tmp_path / "uv.lock").write_text("")
    assert (read(tmp_path).origin, read(tmp_path).exported) == ("uv.lock", True)
    (tmp_path / "requirements.txt").write_text("b")
    assert read(tmp_path).lines == (f"-r {tmp_path.resolve() / 'requirements.txt'}", *RUNTIME)
    (tmp_path / "prod.txt").write_text("c")
    assert read(tmp_path, "prod.txt").origin == "prod.txt"
    assert read(tmp_path, ["d"]).lines == ("d", *RUNTIME)
    assert read(tmp_path, []).lines == RUNTIME


def test_the_digest_follows_included_files(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r reqs/more.txt\n-c limits.txt\n")
    (tmp_path / "reqs").mkdir()
    (tmp_path / "reqs/more.txt").write_text("a\n-r more.txt\n")  # a circle
    (tmp_path / "limits.txt").write_text("a<2\n")
    before = read(tmp_path).digest
    assert read(tmp_path).digest == before
    (tmp_path / "limits.txt").write_text("a<3\n")
    after = read(tmp_path).digest
    assert after != before
    (tmp_path / "reqs/more.txt").write_text("a>1\n")
    assert read(tmp_path).digest not in (before, after)


def test_the_digest_is_the_same_in_another_folder(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("a\n")
    assert read(tmp_path / "here").digest == read(tmp_path / "there").digest


def test_index_options_are_kept_for_the_installation(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements.txt").write_text("--extra-index-url=https://x.test/simple\n-f wheels\na\n")
    assert read(tmp_path).options == ("--extra-index-url https://x.test/simple", f"-f {tmp_path.resolve() / 'wheels'}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "-r gone.txt\n"}, r"there is no gone.txt"),
        ({"requirements.txt": "-r ../outside.txt\n"}, "outside of the project folder"),
        ({"pyproject.toml": "[project\n"}, r"pyproject.toml is not valid TOML"),
        ({"pyproject.toml": '[project]\nname = "x"\ndynamic = ["dependencies"]\n'}, "dynamic"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.12"\nrequests = "^2"\n'}, "for Poetry alone"),
        ({"uv.lock": ""}, r"there is no pyproject.toml"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError, match=said):
        read(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(ProjectError, match="cannot be read"):
        read(tmp_path)


def test_a_pyproject_of_tools_only_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.ruff]\nline-length = 100\n[tool.poetry.dependencies]\npython = "^3.12"\n'
    )
    assert read(tmp_path).lines == RUNTIME

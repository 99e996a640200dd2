"""`package = "auto"`: layers, until they are too large; what it chose is explained, remembered, and made once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slsdeploy import app
from slsdeploy.errors import ProjectError
from tests import bases, ruling, wheelhouse
from tests.desk import TOML, Desk


def test_it_says_what_it_chose_and_why(desk: Desk) -> None:
    built = app.build(desk.where, desk.tools)
    (note,) = [note for note in desk.reporter.notes if note.startswith('package = "auto"')]
    assert built.package == "layer"
    size = f"{built.unzipped_bytes / 1e6:,.1f} of 262.1 MB unzipped"
    assert note == f'package = "auto": layers: {size}, SnapStart off; a change of code uploads only the code'
    assert note in built.notes
    desk.reporter.notes.clear()
    assert app.build(desk.where, desk.tools) == built
    assert desk.reporter.notes[0] == note


def test_what_is_too_large_for_a_zip_is_an_image_and_goes_back_when_it_is_smaller(desk: Desk) -> None:
    bases.add(desk.cloud.registry)
    (desk.root / "slsdeploy.toml").write_text(f'include = ["*.bin"]\n{TOML}')
    with (desk.root / "weights.bin").open("wb") as weights:
        weights.truncate(262_144_000)
    result = app.up(desk.where, desk.tools)
    assert (result.package, len(desk.cloud.layers)) == ("image", 0)
    (note,) = [note for note in desk.reporter.notes if note.startswith('package = "auto"')]
    assert note.startswith('package = "auto": an image: 263.')
    assert "MB unzipped are more than a zip and its layers may be (262.1 MB)" in note
    (largest,) = [note for note in desk.reporter.notes if note.startswith("the largest of what ships")]
    assert ": your code 262.1 MB, slsdeploy runtime " in largest
    desk.reporter.steps.clear()
    again = app.up(desk.where, desk.tools)
    assert (again.changed, again.package) == (False, "image")
    assert [step for step in desk.reporter.steps if step.startswith(("make", "pack"))] == []
    assert app.check(desk.where, desk.tools).waiting == []  # it found what was built
    (desk.root / "weights.bin").write_bytes(b"")
    assert app.build(desk.where, desk.tools).package == "layer"
    with pytest.raises(ProjectError, match="is deployed as an image and would become a zip or layers") as caught:
        app.plan(desk.where, desk.tools)
    assert caught.value.hint.startswith(f"`slsdeploy down {desk.root}` first")
    project = replace(app.open_project(desk.where, desk.tools), local=True)
    bundle = app.make_bundle(project, desk.tools, desk.where)
    with pytest.raises(ProjectError, match="would become a zip or layers") as caught:
        app.decide(project, bundle, desk.cloud, desk.tools)
    assert caught.value.hint.startswith(f"`slsdeploy down {desk.root} --local` first"), "not the stack on AWS"


def test_models_too_large_for_a_zip_are_not_made_into_layers_first(desk: Desk) -> None:
    bases.add(desk.cloud.registry)
    (desk.root / "slsdeploy.toml").write_text(f'optimize = "off"\nmemory = 4096\n{TOML}')
    ruling.large_model(desk.root / "iris.onnx", 251)
    built = app.build(desk.where, desk.tools)
    assert built.package == "image"
    assert desk.reporter.steps.count("make model") == 1


def _too_large(desk: Desk, more: str = "") -> None:
    (desk.root / "slsdeploy.toml").write_text(f'include = ["*.bin"]\n{TOML}{more}')
    with (desk.root / "weights.bin").open("wb") as weights:
        weights.truncate(262_144_000)


def test_dependencies_are_installed_once_and_are_what_an_image_has(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bases.add(desk.cloud.registry)
    _too_large(desk)
    moved = app.build(desk.where, desk.tools)
    made = [step for step in desk.reporter.steps if step.endswith(("dependencies", "to task"))]
    assert (moved.package, made) == ("image", ["make dependencies", "move dependencies to task"])
    assert not [note for note in desk.reporter.notes if "takes longer" in note]
    files = {path for path in wheelhouse.files_below(Path(moved.path)) if path.startswith("task/")}
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "other"))
    shutil.rmtree(desk.root / ".slsdeploy")
    fresh = app.build(desk.stage("dev", package="image"), desk.tools)
    assert fresh.digest == moved.digest and fresh.slimmed == moved.slimmed and fresh.space == moved.space
    assert {path for path in wheelhouse.files_below(Path(fresh.path)) if path.startswith("task/")} == files


def test_what_somebody_changed_is_not_taken_over(desk: Desk) -> None:
    bundle = Path(app.build(desk.stage("dev", package="layer"), desk.tools).path)
    module = next(path for path in sorted((bundle / "opt/python").rglob("*.py")) if path.stat().st_size)
    module.chmod(0o644)
    module.write_bytes(b"#" * module.stat().st_size)
    app.build(desk.stage("dev", package="zip"), desk.tools)
    assert desk.reporter.steps.count("make dependencies") == 2
    assert not [step for step in desk.reporter.steps if step.startswith("move ")]


def test_it_says_why_dependencies_are_made_twice(desk: Desk, tmp_path: Path) -> None:
    bases.add(desk.cloud.registry, "localhost:5000/own:1", settings={})
    for name, version in (("awslambdaric", "4.2.2"), ("boto3", "1.40.1")):
        wheelhouse.add_wheel(tmp_path / "index", name, version)
    _too_large(desk, '[image]\nbase = "localhost:5000/own:1"\n')
    assert app.build(desk.where, desk.tools).package == "image"
    assert desk.reporter.steps.count("make dependencies") == 2
    assert (
        len([note for note in desk.reporter.notes if note.startswith("this takes longer: the image's base lacks")]) == 1
    )

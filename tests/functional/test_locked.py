"""`--locked`: what slsdeploy.lock does not have is refused, nothing is written there; what `lock` writes suffices on a fresh machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from slsdeploy import app
from slsdeploy.bundle import lock, resolution
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ProjectError, SlsdeployError
from slsdeploy.project import host_architecture
from slsdeploy.results.prepare import Built
from tests import bases, models, wheelhouse
from tests.building import House, save_model

FOREIGN = "x86_64" if host_architecture() == "arm64" else "arm64"
IMAGE = 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n'


def complete(house: House) -> None:
    app.lock(app.Where(house.root), house.tools(), set())


def build(house: House, *, local: bool = False) -> Built:
    return app.build(app.Where(house.root, locked=True, local=local), house.tools())


def refused(house: House, *, local: bool = False) -> SlsdeployError:
    """Return what a locked build says; the lock is as it was."""
    path = house.root / lock.FILE
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(SlsdeployError) as caught:
        build(house, local=local)
    assert (path.read_bytes() if path.exists() else None) == before
    return caught.value


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[House], House]:
    """Return what brings a project to another machine: what is committed, and no caches."""

    def move(house: House) -> House:
        there = tmp_path / "another machine" / "iris"
        shutil.copytree(house.root, there, ignore=shutil.ignore_patterns(".slsdeploy"))
        monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "another cache"))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another uv"))
        moved = House(there, house.index)
        moved.registry = house.registry
        return moved

    return move


def test_what_lock_writes_suffices_elsewhere(house: House, fresh: Callable[[House], House]) -> None:
    complete(house)
    content = (house.root / lock.FILE).read_bytes()
    there = fresh(house)
    built = build(there)
    assert (there.root / lock.FILE).read_bytes() == content
    assert build(there) == built, "again, and nothing is done"


def test_without_a_lock_nothing_is_built(house: House) -> None:
    error = refused(house)
    assert isinstance(error, ProjectError)
    assert error.message == "--locked: there is no slsdeploy.lock"
    assert f"run `slsdeploy lock {house.root}` (" in error.hint
    assert not (house.root / ".slsdeploy" / "dev" / "bundle").exists()


def test_a_stale_lock_is_refused(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket")
    complete(house)
    house.write("requirements.txt", "sprocket\n")
    assert refused(house).message == "--locked: requirements.txt changed since slsdeploy.lock was written"
    complete(house)
    build(house)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\nrequirements = ["sprocket==1.0"]\n')
    assert refused(house).message == "--locked: slsdeploy.toml changed since slsdeploy.lock was written"


def test_a_lock_of_another_target_is_refused(house: House) -> None:
    complete(house)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\narchitecture = "x86_64"\n')
    assert refused(house).message.startswith("--locked: slsdeploy.lock has no packages for Python 3.13 on x86_64")


def test_a_bundle_that_was_built_without_is_refused_with_a_stale_lock(house: House) -> None:
    house.build()
    house.write(lock.FILE, "version = 1\n")
    assert "has no packages" in refused(house).message


def test_locally_the_lock_of_aws_must_be_true(house: House) -> None:
    assert "there is no slsdeploy.lock" in refused(house, local=True).message
    complete(house)
    content = (house.root / lock.FILE).read_bytes()
    build(house, local=True)
    assert (house.root / lock.FILE).read_bytes() == content


def test_a_base_that_is_not_pinned_is_refused(house: House, fresh: Callable[[House], House]) -> None:
    complete(house)
    house.write(FILE, IMAGE)
    bases.add(house.registry)
    assert refused(house).message == f"--locked: the base {bases.NAME} is not pinned for arm64"
    assert house.registry.asked == []
    complete(house)
    newer = bases.add(house.registry, version="2")
    there = fresh(house)
    image = build(there).image
    assert image is not None
    assert image["layers"][1]["digest"] != newer.document["layers"][1]["digest"], "what is pinned, not the newest"


def test_a_model_that_changed_since_is_refused(house: House, fresh: Callable[[House], House]) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", version("onnxruntime"))
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{FOREIGN}"\n')
    models.transformer(house.root / "iris.onnx")
    complete(house)
    assert "[[prepared]]" in (house.root / lock.FILE).read_text()
    there = fresh(house)
    built = build(there)
    assert built.models[0]["preparation"] != "plain"
    save_model(there.root / "iris.onnx", 2.0)
    error = refused(there)
    assert error.message == "--locked: model iris is not in slsdeploy.lock as it is now"
    assert isinstance(error, ProjectError)


def test_a_model_that_comes_out_otherwise_is_refused(house: House, fresh: Callable[[House], House]) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", version("onnxruntime"))
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{FOREIGN}"\n')
    models.transformer(house.root / "iris.onnx")
    complete(house)
    there = fresh(house)
    text = (there.root / lock.FILE).read_text()
    made = next(line for line in text.splitlines() if line.startswith("digest = "))
    (there.root / lock.FILE).write_text(text.replace(made, f'digest = "{"0" * 64}"'))
    error = refused(there)
    assert isinstance(error, BuildError)
    assert "other bytes of model iris" in error.message
    assert "0" * 64 in error.message
    assert "other bytes" in refused(there).message, "though the bundle is there"


def test_a_model_that_this_machine_cannot_prepare_as_locked_is_refused(house: House) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", version("onnxruntime"))
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{FOREIGN}"\n')
    models.transformer(house.root / "iris.onnx")
    complete(house)
    path = house.root / lock.FILE
    path.write_text(path.read_text().replace(version("onnxruntime"), "1.99.0"))
    error = refused(house)
    assert "which this machine cannot" in error.message
    assert "pip install onnxruntime==1.99.0" in error.hint


def test_a_wheel_with_another_hash_is_refused_by_name(house: House) -> None:
    path = wheelhouse.add_wheel(house.index, "sprocket")
    house.write("requirements.txt", "sprocket\n")
    complete(house)
    before = wheelhouse.digest(path)
    for folder in ("SLSDEPLOY_CACHE_DIR", "UV_CACHE_DIR"):
        shutil.rmtree(os.environ[folder], ignore_errors=True)
    wheelhouse.add_wheel(house.index, "sprocket", files={"sprocket.py": b"import evil\n"})
    error = refused(house)
    assert isinstance(error, BuildError)
    assert error.message.startswith("sprocket==1.0 is not what slsdeploy.lock says")
    assert f"sha256:{before}" in error.message
    assert f"sha256:{wheelhouse.digest(path)}" in error.message
    assert f"`slsdeploy lock {house.root} --requirements`" in error.hint


def test_a_lock_without_hashes_is_refused(house: House) -> None:
    complete(house)
    path = house.root / lock.FILE
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("hashes", '  "sha256', "]"))]
    path.write_text("\n".join(line if line != "" else "" for line in lines) + "\n")
    assert refused(house).where == lock.FILE


@pytest.mark.parametrize("text", ["", "version = 2\n", "<<<<<<< HEAD\n", "\0"])
def test_a_damaged_lock_is_refused_and_stays(house: House, text: str) -> None:
    house.write(lock.FILE, text)
    assert isinstance(refused(house), ProjectError)


@pytest.fixture(params=["", "sprocket\n"], ids=["no requirements", "requirements.txt"])
def own(house: House, request: pytest.FixtureRequest) -> House:
    """A project whose image has a base without Lambda's runtime client."""
    house.write(FILE, f'{IMAGE}[image]\nbase = "localhost:5000/own:1"\n')
    if request.param:
        house.write("requirements.txt", request.param)
    for name, number in (("awslambdaric", "4.2.2"), ("boto3", "1.40.1"), ("sprocket", "1.0")):
        wheelhouse.add_wheel(house.index, name, number)
    bases.add(house.registry, "localhost:5000/own:1", settings={})
    return house


@pytest.mark.parametrize("is_copied", [True, False], ids=["base known", "another machine"])
def test_a_base_without_the_client_is_locked_for_aws_and_left_so_locally(
    own: House, fresh: Callable[[House], House], is_copied: bool
) -> None:
    complete(own)
    content = (own.root / lock.FILE).read_bytes()
    assert b"awslambdaric" in content
    there = own if is_copied else fresh(own)
    there.registry.asked.clear()
    app.build(app.Where(there.root, local=True), there.tools())
    assert (there.root / lock.FILE).read_bytes() == content
    app.plan(app.Where(there.root, local=True, locked=True), there.tools())
    app.plan(app.Where(there.root, local=True), there.tools())
    assert there.registry.asked == []
    build(there)
    assert (there.root / lock.FILE).read_bytes() == content


def test_what_a_base_brings_is_not_guessed_locally(own: House) -> None:
    """Nothing is asked of its registry: what it lacks is known where it was looked at."""
    assert "there is no slsdeploy.lock" in refused(own, local=True).message
    app.build(app.Where(own.root, local=True), own.tools())
    assert not (own.root / lock.FILE).exists() and own.registry.asked == []
    assert [note for note in own.reporter.notes if "slsdeploy.lock stays as it is" in note]
    complete(own)
    own.write("requirements.txt", "sprocket<2\n")
    assert "requirements.txt changed since" in refused(own, local=True).message
    app.build(app.Where(own.root, local=True), own.tools())
    build(own)


def test_on_a_machine_like_lambdas_a_base_is_left_so_too(own: House) -> None:
    complete(own)
    content = (own.root / lock.FILE).read_bytes()
    remote = own.project()
    local = replace(own.project(local=True), target=remote.target)
    section = resolution.settle(local, own.tools())
    assert (own.root / lock.FILE).read_bytes() == content
    assert not any("awslambdaric" in package.requirement for package in section.packages)
    assert lock.read(local.work) == (section,)

"""`slsdeploy lock` and the base of an image: pinned, shown, moved when told so, put back when that fails."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from slsdeploy import app, oci
from slsdeploy.bundle import lock
from slsdeploy.config import FILE
from slsdeploy.errors import SlsdeployError, ToolError
from slsdeploy.results.prepare import Locked
from tests import bases
from tests.building import House

IMAGE = 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n'


@pytest.fixture
def project(house: House) -> House:
    house.write(FILE, IMAGE)
    bases.add(house.registry)
    return house


def complete(project: House, *again: Any, local: bool = False) -> Locked:
    return app.lock(app.Where(project.root, local=local), project.tools(), set(again))


def pins(project: House) -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads((project.root / lock.FILE).read_text()).get("image", [])
    return found


def test_it_is_pinned_and_shown(project: House) -> None:
    base = bases.add(project.registry)
    locked = complete(project)
    assert locked.image == {"base": bases.NAME, "architecture": "arm64", "digest": base.digest}
    assert pins(project) == [locked.image]


def test_only_upgrade_moves_it(project: House) -> None:
    first = complete(project).image
    newer = bases.add(project.registry, version="2")
    assert complete(project).image == complete(project, "models", "requirements").image == first
    moved = complete(project, "base").image
    assert moved == {**(first or {}), "digest": newer.digest}
    assert pins(project) == [moved]
    project.registry.asked.clear()
    image = app.build(app.Where(project.root), project.tools()).image
    assert image is not None
    assert image["layers"][1]["digest"] == newer.document["layers"][1]["digest"]
    assert project.registry.asked == []


def test_those_of_others_stay(project: House) -> None:
    complete(project)
    other = bases.add(project.registry, "registry.example.com/base:1", version="other")
    project.write(FILE, f'{IMAGE}[stages.prod.image]\nbase = "registry.example.com/base:1"\n')
    app.lock(app.Where(project.root, stage="prod"), project.tools(), set())
    assert len(pins(project)) == 2
    bases.add(project.registry, version="2")
    complete(project, "base")
    assert {pin["base"]: pin["digest"] for pin in pins(project)}["registry.example.com/base:1"] == other.digest
    assert len(pins(project)) == 2


@pytest.mark.parametrize("again", ["base", "requirements"])
def test_it_is_as_it_was_when_that_fails(project: House, again: str) -> None:
    complete(project)
    before = (project.root / lock.FILE).read_bytes()
    if again == "base":
        project.registry.manifests.clear()
    else:  # the base is moved, and then uv fails
        bases.add(project.registry, version="2")
        for wheel in project.index.glob("*.whl"):
            wheel.unlink()
    with pytest.raises(SlsdeployError) as raised:
        complete(project, "base", "requirements")
    assert isinstance(raised.value, ToolError) or again == "requirements"
    assert (project.root / lock.FILE).read_bytes() == before


def test_what_needs_no_base_has_none(project: House) -> None:
    assert complete(project, "base", local=True).image is None
    project.write(FILE, IMAGE.replace("image", "zip"))
    assert complete(project, "base").image is None
    assert project.registry.asked == []


def test_an_index_is_pinned_by_what_it_has_for_the_architecture(project: House) -> None:
    wanted = bases.add(project.registry, f"{bases.NAME}-arm")
    entry = {"mediaType": wanted.media_type, "digest": wanted.digest, "size": len(wanted.content)}
    index = {"schemaVersion": 2, "manifests": [{**entry, "platform": {"os": "linux", "architecture": "arm64"}}]}

    project.registry.add(bases.NAME, oci.Manifest(oci.OCI_INDEX, json.dumps(index).encode()))
    image = complete(project).image
    assert image is not None and image["digest"] == wanted.digest

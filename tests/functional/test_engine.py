"""`--engine`: a local image with its real base, for this machine; for whom it is not."""

from __future__ import annotations

import pytest

from slsdeploy.bundle import base_image, base_pin, lock
from slsdeploy.config import FILE, load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError
from slsdeploy.project import host_architecture, resolve
from slsdeploy.stack import variables
from slsdeploy.types import Project
from tests.building import HANDLER, House
from tests.functional.test_build_image import PLAIN, add_base

TOML = 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n'
VARIABLE = "SLSDEPLOY_LOCAL_ENGINE"


@pytest.fixture
def house(house: House) -> House:
    house.write("handler.py", HANDLER)
    house.write(FILE, TOML)
    return house


def project(house: House, *, local: bool = True, engine: str = "docker") -> Project:
    config, stage = load(house.root / FILE, overrides={}, environ={})
    return resolve(config, house.root, stage=stage, local=local, shell=SystemShell(), engine=engine)


def test_it_is_built_upon_the_base_for_this_machine_and_pinned_beside_the_one_for_aws(house: House) -> None:
    wanted = {"x86_64": "amd64", "arm64": "arm64"}[host_architecture()]
    base = add_base(house, architecture=wanted, settings=PLAIN)
    settled = base_image.settle(project(house), house.tools())
    assert settled.base is not None
    assert settled.base.manifest.digest == base.digest
    assert (settled.target.architecture, settled.target.python) == (host_architecture(), "3.13")
    assert settled.target.platform.endswith("-manylinux_2_34")
    (pin,) = lock.read_tables(house.root, base_pin.TABLE, base_pin._pin)
    assert (pin.architecture, pin.digest) == (host_architecture(), base.digest)
    house.registry.asked.clear()
    assert base_image.settle(project(house), house.tools()).base == settled.base
    assert house.registry.asked == []


def test_without_an_engine_a_pinned_base_is_left_out_locally(house: House) -> None:
    add_base(house, architecture={"x86_64": "amd64", "arm64": "arm64"}[host_architecture()])
    base_image.settle(project(house), house.tools())
    assert base_image.settle(project(house, engine=""), house.tools()).base is None
    bundle = house.make(project(house, engine=""))
    assert bundle.image is not None
    assert bundle.image.base == ""


def test_the_function_says_which_engine_runs_it(house: House) -> None:
    assert variables(project(house, engine="podman"))[VARIABLE] == "podman"
    assert VARIABLE not in variables(project(house, engine=""))


def test_it_is_for_images_of_the_local_aws(house: House) -> None:
    with pytest.raises(ProjectError, match="--engine says what runs functions of the local AWS"):
        project(house, local=False)
    house.write(FILE, TOML.replace('"image"', '"zip"'))
    with pytest.raises(ProjectError, match="only functions of container images run in containers"):
        project(house)

"""What holds for every packaging target in slsdeploy/targets, whatever files are there."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from slsdeploy import targets
from slsdeploy.errors import ProjectError
from slsdeploy.oci import Assembled
from slsdeploy.targets import PackagingTarget
from slsdeploy.types import Archive, Bundle, Part, PartName, Store

STORE = Store("bucket", "registry.example.com", "iris-dev")
PARTS: tuple[PartName, ...] = get_args(PartName)


def a_bundle(target: PackagingTarget) -> Bundle:
    parts = tuple(Part(name, f"{index:064x}", 1, 10, Path("/b")) for index, name in enumerate(PARTS))
    archives = tuple(
        Archive(name, f"{len(name):064x}", Path(f"/b/archives/{name}.zip"), 100, held)
        for name, held in target.ARCHIVES.items()
    )
    image = Assembled(f"sha256:{'1' * 64}", Path("/b/image"), "", ()) if target.NAME == targets.IMAGE else None
    return Bundle(target.NAME, "3.13", "d" * 64, Path("/b"), parts, archives, (), image=image)


@pytest.fixture(params=targets.names())
def target(request: pytest.FixtureRequest) -> PackagingTarget:
    return targets.find(request.param)


def test_it_is_called_as_its_file(target: PackagingTarget) -> None:
    assert targets.find(target.NAME) is target


def test_every_part_has_a_place_that_lambda_mounts(target: PackagingTarget) -> None:
    assert set(target.PLACES) == set(PARTS)
    assert {place.parts[0] for place in target.PLACES.values()} <= {"task", "opt"}
    assert target.PLACES["code"].parts[0] == "task"  # the manifest is in the task root


def test_every_part_is_in_one_archive_and_archives_hold_one_mount(target: PackagingTarget) -> None:
    held = [part for parts in target.ARCHIVES.values() for part in parts]
    assert sorted(held) == sorted(PARTS)
    for parts in target.ARCHIVES.values():
        assert len({target.PLACES[part].parts[0] for part in parts}) == 1


def test_the_artifact_points_to_what_is_uploaded(target: PackagingTarget) -> None:
    bundle = a_bundle(target)
    artifact = target.artifact(bundle, STORE)
    assert artifact.digest == bundle.digest
    assert artifact.package == target.NAME
    if artifact.image is not None:
        assert (artifact.image.image, artifact.objects) == (bundle.image, ())
        assert artifact.properties["ImageUri"] == f"registry.example.com/slsdeploy/iris-dev@sha256:{'1' * 64}"
        assert artifact.image.bytes == 100 * len(bundle.archives)
        return
    uploaded = {item.key: item for item in artifact.objects}
    for archive in bundle.archives:
        item = uploaded[f"iris-dev/{archive.name}-{archive.digest}.zip"]
        assert (item.bucket, item.path, item.bytes) == ("bucket", archive.path, archive.bytes)
    assert artifact.properties["CodeUri"]["Key"] in uploaded
    layers = {name: resource["Properties"] for name, resource in artifact.resources.items()}
    assert [layer["Ref"] for layer in artifact.properties.get("Layers", [])] == list(layers)
    assert {layer["ContentUri"]["Key"] for layer in layers.values()} | {artifact.properties["CodeUri"]["Key"]} == set(
        uploaded
    )
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert len(layers) <= 5
    assert all(len(layer["LayerName"]) <= 140 for layer in layers.values())


def test_the_artifact_says_how_it_is_run(target: PackagingTarget) -> None:
    properties = target.artifact(a_bundle(target), STORE).properties
    if properties.get("PackageType") == "Image":
        assert not {"Handler", "Runtime", "Layers"} & set(properties)
    else:
        assert (properties["Handler"], properties["Runtime"]) == (targets.ENTRY, "python3.13")


def test_aws_takes_less_than_the_limit(target: PackagingTarget) -> None:
    assert targets.fits(target, target.LIMIT - 1)
    assert not targets.fits(target, target.LIMIT)


def test_the_artifact_is_a_function_of_the_bundle(target: PackagingTarget) -> None:
    bundle = a_bundle(target)
    assert target.artifact(bundle, STORE) == target.artifact(bundle, STORE)


def test_auto_explains_itself() -> None:
    target, note = targets.choose("auto")
    assert target.NAME in targets.names()
    assert target.NAME in note or "layers" in note
    assert targets.choose("zip") == (targets.find("zip"), "")


def test_an_unknown_package_is_said() -> None:
    with pytest.raises(ProjectError, match='no package "tarball"') as raised:
        targets.choose("tarball")
    assert "layer" in raised.value.hint

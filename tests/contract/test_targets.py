"""What holds for every packaging target in slsdeploy/targets, whatever files are there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from slsdeploy import layers, targets
from slsdeploy.artifacts import Store
from slsdeploy.errors import ProjectError
from slsdeploy.oci import Assembled
from slsdeploy.targets import PackagingTarget
from slsdeploy.types import Archive, Bundle, Part, PartName

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
    (item,) = artifact.objects
    sent = {(item.path, item.bytes), *((layer.path, layer.bytes) for layer in artifact.layers)}
    assert sent == {(archive.path, archive.bytes) for archive in bundle.archives}
    assert artifact.properties["CodeUri"] == {"Bucket": "bucket", "Key": item.key}
    assert item.key.startswith("iris-dev/")
    assert artifact.layers == target.layers(bundle)
    named = [arn["Fn::Sub"].partition(":layer:")[2] for arn in artifact.properties.get("Layers", [])]
    assert named == [f"{layer.name}:${{{layer.parameter}}}" for layer in artifact.layers]
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert len(artifact.layers) <= 5
    # https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,140}", layer.name) for layer in artifact.layers)
    assert all(layers.read(f"arn:aws:lambda:us-east-1:123456789012:layer:{each.name}:7") for each in artifact.layers)


def test_a_layer_is_named_after_its_content_and_what_that_is_for() -> None:
    bundle = a_bundle(targets.find("layer"))
    names = {each.title: each.name for each in targets.find("layer").layers(bundle)}
    assert {
        layer.title: layer.name for layer in targets.find("layer").layers(replace(bundle, digest="e" * 64))
    } == names
    arm = {each.title: each.name for each in targets.find("layer").layers(replace(bundle, architecture="x86_64"))}
    assert [title for title in names if names[title] != arm[title]] == ["dependencies"]
    older = {each.title: each.name for each in targets.find("layer").layers(replace(bundle, python="3.12"))}
    assert [title for title in names if names[title] != older[title]] == ["dependencies", "runtime"]
    model = next(archive for archive in bundle.archives if archive.name == "model")
    others = [archive for archive in bundle.archives if archive is not model]
    changed = replace(bundle, archives=(*others, replace(model, digest="f" * 64)))
    after = {each.title: each.name for each in targets.find("layer").layers(changed)}
    assert [title for title in names if names[title] != after[title]] == ["model"]


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
    def told(**given: Any) -> tuple[str, str]:
        facts = {"own": 84_200_000, "attached": 0, "layers_attached": 0, "layers_own": 3, "snap_start": False}
        name, why = targets.choose(targets.Facts(**{**facts, **given}))
        return name, why.removeprefix('package = "auto": ')

    size = "84.2 of 262.1 MB unzipped"
    fast = "a change of code uploads only the code"
    assert told() == ("layer", f"layers: {size}, SnapStart off; {fast}")
    assert told(snap_start=True, own=1_000_000) == ("layer", f"layers: 1.0 of 262.1 MB unzipped, SnapStart on; {fast}")
    both = "with the 3 of `layers`, ours would be more than the 5 that a function may have"
    assert told(layers_attached=3) == ("zip", f"one zip: {both}; {size}, SnapStart off")
    assert told(layers_attached=3, layers_own=2)[0] == "layer"
    large = "412.0 MB unzipped are more than a zip and its layers may be (262.1 MB), and an image may be 10 GiB"
    assert told(own=412_000_000) == ("image", f"an image: {large}; SnapStart off")
    assert told(own=targets.ZIP_LIMIT - 1)[0] == "layer"
    assert told(own=targets.ZIP_LIMIT)[0] == "image"
    # an image takes no layers: what is too large is refused, with what takes the room
    assert told(own=200_000_000, attached=100_000_000, layers_attached=1)[0] == "layer"
    assert "without 1 of `layers` (`slsdeploy lock` asks" in told(layers_attached=1, unknown=1)[1]


def test_an_unknown_package_is_said() -> None:
    with pytest.raises(ProjectError, match='no package "tarball"') as raised:
        targets.find("tarball")
    assert "layer" in raised.value.hint

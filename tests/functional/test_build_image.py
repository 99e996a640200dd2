"""Projects to images: the layers' bytes, what the image is built upon, what is pinned."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import oci
from slsdeploy.bundle import lock
from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError
from slsdeploy.types import Bundle
from tests import wheelhouse
from tests.building import HANDLER, House

TOML = 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n'
BASE = "public.ecr.aws/lambda/python:3.13"
LAMBDAS = {
    "Entrypoint": ["/lambda-entrypoint.sh"],
    "Env": ["PATH=/var/lang/bin:/usr/bin", "LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime"],
    "WorkingDir": "/var/task",
}
PLAIN = {"Cmd": ["python3"], "Env": ["PATH=/usr/local/bin:/usr/bin", "PYTHONPATH=/elsewhere"]}


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def add_base(
    house: House,
    reference: str = BASE,
    *,
    settings: Any = LAMBDAS,
    architecture: str = "arm64",
    media_type: str = oci.OCI_MANIFEST,
    layer_type: str = oci.OCI_LAYER,
) -> oci.Manifest:
    """Put an image of one layer into the registry."""
    config = document(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{'5' * 64}"]},
            "history": [{"created_by": "base"}],
        }
    )
    said = {"mediaType": oci.OCI_CONFIG, "digest": oci.digest_of(config), "size": len(config)}
    layers = [{"mediaType": layer_type, "digest": f"sha256:{'6' * 64}", "size": 123}]
    manifest = oci.Manifest(
        media_type,
        document({"schemaVersion": 2, "mediaType": media_type, "config": said, "layers": layers}),
    )
    house.registry.add(reference, manifest, config)
    return manifest


def add_index(house: House, *entries: tuple[str, oci.Manifest]) -> oci.Manifest:
    """Put an index of images by architecture into the registry, with an attestation beside them as buildx writes them."""
    attested = [("unknown", oci.Manifest(oci.OCI_MANIFEST, b"{}"))]
    manifests = [
        {
            "mediaType": each.media_type,
            "digest": each.digest,
            "size": len(each.content),
            "platform": {"os": "unknown" if name == "unknown" else "linux", "architecture": name},
        }
        for name, each in [*attested, *entries]
    ]
    index = oci.Manifest(
        oci.OCI_INDEX, document({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": manifests})
    )
    house.registry.add(BASE, index)
    return index


@pytest.fixture
def project(house: House) -> House:
    house.write("handler.py", HANDLER)
    house.write(FILE, TOML)
    return house


def image(bundle: Bundle) -> oci.Image:
    assert bundle.image is not None
    return bundle.image.read()


def config(bundle: Bundle) -> Any:
    (blob,) = [each for each in image(bundle).blobs if each.name == "configuration"]
    assert isinstance(blob.source, bytes)
    assert oci.digest_of(blob.source) == blob.descriptor.digest
    return json.loads(blob.source)


def entries(path: Path) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(path, "r:gz") as opened:
        yield from opened


def test_layers_are_what_lambda_takes_and_unpack_to_the_very_tree(project: House, tmp_path: Path) -> None:
    add_base(project)
    bundle = project.build()
    assert [archive.name for archive in bundle.archives] == ["dependencies", "runtime", "model", "code"]
    for archive in bundle.archives:
        content = archive.path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == archive.digest
        assert len(content) == archive.bytes
        for entry in entries(archive.path):
            assert entry.isreg() or entry.isdir()  # no hard links, no links at all
            assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) == (0, 0, "", "", 0)
            assert entry.mode == 0o755 if entry.isdir() else entry.mode in (0o644, 0o755)
            assert entry.name.startswith("var/task/")
        with tarfile.open(archive.path) as opened:
            opened.extractall(tmp_path / "unpacked", filter="data")
    for path in sorted((bundle.path / "task").rglob("*")):
        if path.is_file():
            unpacked = tmp_path / "unpacked/var" / path.relative_to(bundle.path)
            assert unpacked.read_bytes() == path.read_bytes()


def test_weights_are_stored_and_the_rest_is_compressed(project: House) -> None:
    add_base(project)
    bundle = project.build()
    sizes = {
        archive.name: (archive.bytes, len(gzip.decompress(archive.path.read_bytes()))) for archive in bundle.archives
    }
    packed, unpacked = sizes["model"]
    assert unpacked < packed < unpacked * 1.001 + 64
    assert sizes["runtime"][0] < sizes["runtime"][1] / 2


def test_the_image_is_its_base_and_our_layers(project: House) -> None:
    base = add_base(project)
    bundle = project.build()
    found, said = image(bundle), config(bundle)
    layers = found.manifest.document["layers"]
    assert (found.manifest.media_type, layers[0]) == (oci.OCI_MANIFEST, base.document["layers"][0])
    assert [each["digest"] for each in layers[1:]] == [f"sha256:{archive.digest}" for archive in bundle.archives]
    assert said["rootfs"]["diff_ids"] == [
        f"sha256:{'5' * 64}",
        *(f"sha256:{hashlib.sha256(gzip.decompress(each.path.read_bytes())).hexdigest()}" for each in bundle.archives),
    ]
    assert [each["created_by"] for each in said["history"]] == [
        "base",
        *(f"slsdeploy: {name}" for name in ("dependencies", "runtime", "model", "code")),
    ]
    assert (said["architecture"], said["os"]) == ("arm64", "linux")
    assert said["config"] == {**LAMBDAS, "Cmd": ["slsdeploy_runtime.app.handler"]}
    (from_base,) = [blob for blob in found.blobs if blob.name == "base"]
    assert str(from_base.source) == f"{BASE}@{base.digest}"
    assert bundle.image is not None
    assert oci.digest_of((bundle.image.folder / "manifest.json").read_bytes()) == bundle.image.digest


def test_a_base_without_the_runtime_client_gets_one(project: House) -> None:
    add_base(project, "registry.example.com/python:3.13-slim", settings=PLAIN)
    wheelhouse.add_wheel(project.index, "awslambdaric", "4.2.2")
    wheelhouse.add_wheel(project.index, "boto3", "1.40.1")
    project.write(FILE, f'{TOML}[image]\nbase = "registry.example.com/python:3.13-slim"\n')
    bundle = project.build()
    settings = config(bundle)["config"]
    assert settings["Entrypoint"] == ["python3", "-m", "awslambdaric"]
    assert settings["Cmd"] == ["slsdeploy_runtime.app.handler"]
    assert settings["Env"] == ["PATH=/usr/local/bin:/usr/bin", "LAMBDA_TASK_ROOT=/var/task", "PYTHONPATH=/var/task"]
    assert (bundle.path / "task/awslambdaric").is_dir()
    assert (bundle.path / "task/boto3").is_dir()


def test_docker_s_media_types_are_kept(project: House) -> None:
    add_base(project, media_type=oci.DOCKER_MANIFEST, layer_type=oci.DOCKER_LAYER)
    found = image(project.build())
    assert found.manifest.media_type == oci.DOCKER_MANIFEST
    assert {each["mediaType"] for each in found.manifest.document["layers"]} == {oci.DOCKER_LAYER}
    assert found.manifest.document["config"]["mediaType"] == oci.DOCKER_CONFIG


def test_the_base_is_pinned_and_then_nobody_is_asked(project: House) -> None:
    wanted = add_base(project, f"{BASE}-arm")
    other = add_base(project, f"{BASE}-intel", architecture="amd64")
    add_index(project, ("amd64", other), ("arm64", wanted))
    first = project.build()
    assert f'digest = "{wanted.digest}"' in (project.root / lock.FILE).read_text()
    project.registry.asked.clear()
    add_base(project, settings=PLAIN)  # the tag is moved
    shutil.rmtree(project.root / ".slsdeploy")
    second = project.build()
    assert project.registry.asked == []
    assert first.image is not None and second.image is not None
    assert second.image.digest == first.image.digest


def test_a_new_machine_asks_for_what_is_pinned(project: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_base(project)
    first = image(project.build())
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "new cache"))
    shutil.rmtree(project.root / ".slsdeploy")
    add_base(project, settings=PLAIN)
    assert image(project.build()).digest == first.digest


def test_a_change_of_code_changes_the_uppermost_layer_alone(project: House) -> None:
    add_base(project)
    first = project.build()
    project.write("handler.py", f"{HANDLER}\n# changed\n")
    second = project.build()
    changed = [one.name for one, other in zip(first.archives, second.archives, strict=True) if one != other]
    assert changed == ["code"]


def test_two_builds_are_the_same_image(project: House, move: Callable[[House], None], tmp_path: Path) -> None:
    add_base(project)
    first = image(project.build())
    move(project)
    assert image(project.build()).digest == first.digest


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"architecture": "amd64"}, "is for amd64, the function for arm64"),
        ({"media_type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, "that Lambda does not take"),
        ({"layer_type": "application/vnd.oci.image.layer.v1.tar+zstd"}, "has layers that Lambda may not take"),
    ],
)
def test_a_base_that_is_none_for_lambda_is_refused(project: House, base: dict[str, Any], message: str) -> None:
    add_base(project, **base)
    with pytest.raises(ProjectError, match=message) as raised:
        project.build()
    assert raised.value.hint
    assert not (project.root / lock.FILE).exists() or "[[image]]" not in (project.root / lock.FILE).read_text()


def test_an_index_without_the_architecture_is_refused(project: House) -> None:
    add_index(project, ("amd64", add_base(project, f"{BASE}-intel", architecture="amd64")))
    with pytest.raises(ProjectError, match="has no image for linux/arm64") as raised:
        project.build()
    assert "there is linux/amd64" in raised.value.hint


def test_a_local_image_needs_no_base(project: House) -> None:
    bundle = project.build(local=True)
    assert project.registry.asked == []
    assert len(image(bundle).manifest.document["layers"]) == 4

"""Projects to what is told about their bundles: which packages, from which files, under which licences."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from slsdeploy import app, oci
from slsdeploy.bundle import distributions, facts, record
from slsdeploy.config import FILE
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ToolError
from slsdeploy.tools import Task, Tools
from slsdeploy.types import SBOM, Bundle
from tests import bases, wheelhouse
from tests.building import HANDLER, House, save_model
from tests.fakes import FakeCloud, FakeRegistry


def test_what_is_installed_is_told_beside_the_bundle_though_the_records_are_gone(house: House) -> None:
    wheel = wheelhouse.digest(house.index / "numpy-2.4.6-py3-none-any.whl")
    bundle = house.build()
    found = {each.key: each for each in distributions.of_facts(facts.of(bundle, "dependencies"))}
    assert set(found) == set(wheelhouse.RUNTIME)
    numpy = found["numpy"]
    assert (numpy.version, numpy.tags, numpy.modules) == ("2.4.6", ("py3-none-any",), ("numpy",))
    assert numpy.hashes == (f"sha256:{wheel}",)
    assert not list(bundle.path.rglob("*.dist-info/WHEEL"))
    assert facts.of(bundle, "code") == {}


def test_facts_are_not_found_again_when_nothing_changed(house: House) -> None:
    first = house.build()
    path = facts.place(first.path, "dependencies")
    before = path.stat()
    second = house.build()
    assert record.describe(second) == record.describe(first)
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def read(bundle: Bundle) -> Any:
    """Return the bundle's document, once the library's own validator has found nothing wrong with it."""
    text = (bundle.path / SBOM).read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return json.loads(text)


def component(document: Any, name: str) -> Any:
    (found,) = (each for each in document["components"] if each["name"] == name)
    return found


def properties(of: Any) -> dict[str, str]:
    return {each["name"].removeprefix("slsdeploy:"): each["value"] for each in of["properties"]}


def test_the_bill_of_materials_names_everything(house: House) -> None:
    needs = [
        "numpy>=2",
        'tqdm; extra == "more"',
        'orjson; python_version < "3"',
        'onnxruntime; sys_platform == "linux"',
    ]
    wheelhouse.add_wheel(house.index, "onnx-extras", "2.0", needs=needs)
    house.write("requirements.txt", "onnx-extras\n")
    wheel = wheelhouse.digest(house.index / "numpy-2.4.6-py3-none-any.whl")
    bundle = house.build()
    document = read(bundle)
    assert record.describe(bundle).sbom == str(bundle.path / SBOM)
    whole = document["metadata"]["component"]
    assert (whole["name"], whole["type"]) == ("iris", "application")
    assert whole["hashes"] == [{"alg": "SHA-256", "content": bundle.digest}]
    numpy = component(document, "numpy")
    assert (numpy["purl"], numpy["version"]) == ("pkg:pypi/numpy@2.4.6", "2.4.6")
    assert numpy["hashes"] == [{"alg": "SHA-256", "content": wheel}]
    assert properties(numpy)["wheel"] == "numpy-2.4.6-py3-none-any.whl"
    model = component(document, "iris")
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": wheelhouse.digest(house.root / "iris.onnx")}]
    assert properties(model) == {
        "model:bytes": str((house.root / "iris.onnx").stat().st_size),
        "model:file": "iris.onnx",
        "model:format": "onnx",
        "model:opset": "17",
        "model:preparation": "plain",
        "model:input:x": "FP32[-1, 2]",
        "model:output:y": "FP32[-1, 2]",
    }
    assert component(document, "slsdeploy_runtime")["version"]
    edges = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert edges["pkg:pypi/onnx-extras@2.0"] == ["pkg:pypi/numpy@2.4.6", "pkg:pypi/onnxruntime@1.31.1"]
    runtime = edges["runtime:slsdeploy_runtime@0.1.0"]
    assert runtime == sorted(f"pkg:pypi/{name}@{version}" for name, version in wheelhouse.RUNTIME.items())
    assert edges["bundle:iris"] == ["model:iris@1", "pkg:pypi/onnx-extras@2.0", "runtime:slsdeploy_runtime@0.1.0"]


def test_the_same_project_gives_the_same_bytes(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = house.build()
    content = (first.path / SBOM).read_bytes()
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "another cache"))
    shutil.copytree(house.root, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".slsdeploy"))
    second = House(tmp_path / "elsewhere", house.index).build()
    assert second.digest == first.digest
    assert (second.path / SBOM).read_bytes() == content
    assert str(tmp_path).encode() not in content


def test_a_changed_handler_changes_the_digest_and_the_serial_alone(house: House) -> None:
    house.write("handler.py", HANDLER)
    first = house.build()
    before = read(first)
    house.write("handler.py", HANDLER + "# more\n")
    second = house.build()
    after = read(second)
    assert after["metadata"]["component"]["hashes"][0]["content"] == second.digest != first.digest
    assert after["serialNumber"] != before["serialNumber"]
    again = (second.path / SBOM).read_text(encoding="utf-8")
    (second.path / SBOM).unlink()
    assert house.build().digest == second.digest
    assert (second.path / SBOM).read_text(encoding="utf-8") == again, "written anew, it is the same"
    for each in (before, after):
        del each["serialNumber"], each["metadata"]["component"]["hashes"]
    assert before == after


def test_after_a_change_of_the_code_the_last_document_is_taken_again(house: House) -> None:
    house.write("handler.py", HANDLER)
    path = house.build().path / SBOM
    path.write_text(path.read_text(encoding="utf-8").replace("numpy-2.4.6-py3-none-any.whl", "marked"))
    house.write("handler.py", HANDLER + "# more\n")
    assert "marked" in (house.build().path / SBOM).read_text(encoding="utf-8")
    save_model(house.root / "iris.onnx", 3.0)
    assert "marked" not in (house.build().path / SBOM).read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", ["", "{}", "[]", "\0", '{"metadata": {"component": 1}}'])
def test_a_damaged_document_is_not_taken_again(house: House, damage: str) -> None:
    house.write("handler.py", HANDLER)
    (house.build().path / SBOM).write_text(damage)
    house.write("handler.py", HANDLER + "# more\n")
    assert read(house.build())["metadata"]["component"]["name"] == "iris"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("License-Expression: mit", [{"license": {"acknowledgement": "declared", "id": "MIT"}}]),
        (
            "License-Expression: MIT AND (Apache-2.0 OR BSD-2-Clause)",
            [{"acknowledgement": "declared", "expression": "MIT AND (Apache-2.0 OR BSD-2-Clause)"}],
        ),
        ("License: \x01)) OR the beer", [{"license": {"acknowledgement": "declared", "name": "\x01)) OR the beer"}}]),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: Zlib",
            [
                {"license": {"acknowledgement": "declared", "id": "MIT"}},
                {"license": {"acknowledgement": "declared", "id": "Zlib"}},
            ],
        ),
        (
            "Classifier: License :: OSI Approved :: BSD License\nClassifier: License :: OSI Approved :: MIT License",
            [
                {"license": {"acknowledgement": "declared", "id": "MIT"}},
                {"license": {"acknowledgement": "declared", "name": "BSD License"}},
            ],
        ),
        ("Author: x", None),
    ],
)
def test_licences_are_spdx_s_where_they_are(house: House, said: str, expected: Any) -> None:
    metadata = f"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n{said}\n".encode()
    wheelhouse.add_wheel(house.index, "odd", metadata=metadata)
    house.write("requirements.txt", "odd\n")
    assert component(read(house.build()), "odd").get("licenses") == expected


def test_of_two_files_the_installed_one_is_named(house: House) -> None:
    for tag in ("py3-none-any", "cp313-cp313-manylinux_2_28_aarch64", "cp313-cp313-manylinux_2_28_x86_64"):
        path = wheelhouse.add_wheel(house.index, "fast", tag=tag)
        if "aarch64" in tag:
            digest = wheelhouse.digest(path)
    house.write("requirements.txt", "fast\n")
    fast = component(read(house.build()), "fast")
    assert fast["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert properties(fast)["wheel"] == "fast-1.0-cp313-cp313-manylinux_2_28_aarch64.whl"


def test_the_base_of_an_image_is_named_by_its_digest(house: House) -> None:
    base = bases.add(house.registry)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n')
    found = component(read(house.build()), "public.ecr.aws/lambda/python")
    assert found["type"] == "container"
    assert found["hashes"] == [{"alg": "SHA-256", "content": base.digest.removeprefix("sha256:")}]
    where = "repository_url=public.ecr.aws/lambda/python&tag=3.13"
    assert found["purl"] == f"pkg:oci/python@{base.digest}?{where}"


TO = "localhost:5000/team/iris"


def push(house: House, to: str = f"{TO}:1.0") -> Any:
    image = app.build(app.Where(house.root), house.tools(), to).image
    assert image is not None
    return image


@pytest.fixture
def image(house: House) -> House:
    bases.add(house.registry)
    house.write("handler.py", HANDLER)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n')
    return house


def test_it_is_attached_to_a_pushed_image(image: House) -> None:
    said = push(image)
    assert image.registry.calls == [f"push {TO}:1.0", f"attach {said['sbom']}"]
    document = image.registry.manifest(oci.reference(said["sbom"])).document
    assert document["subject"]["digest"] == said["digest"]
    assert document["artifactType"] == "application/vnd.cyclonedx+json"
    content = image.registry.blob(oci.reference(said["sbom"]), document["layers"][0]["digest"])
    assert content == (image.root / ".slsdeploy/dev/bundle" / SBOM).read_bytes()
    assert image.registry.manifest(oci.reference(f"{TO}:1.0")).digest == said["digest"], "one manifest, no index"
    assert push(image)["uploaded_bytes"] == 0


class Refusing(FakeRegistry):
    """A registry that takes images, and nothing that is about one."""

    def attach(self, referrer: oci.Image, to: oci.Reference, task: Task) -> oci.Pushed:
        raise ToolError(f"{to.host} refuses to push the manifest", "", str(to))


def test_a_registry_that_refuses_it_has_the_image_and_a_note_says_so(image: House) -> None:
    registry = Refusing()
    registry.__dict__ |= image.registry.__dict__
    image.registry = registry
    said = push(image)
    assert (said["reference"], said["sbom"]) == (f"{TO}:1.0@{said['digest']}", "")
    assert image.reporter.notes[-1] == (
        "the bill of materials is not attached to the image: localhost:5000 refuses to push the manifest"
    )


def test_up_attaches_it_in_the_stacks_repository(image: House) -> None:
    cloud = FakeCloud()
    bases.add(cloud.registry)
    tools = Tools(SystemShell(), image.reporter, lambda _: cloud, cloud.registry)
    result = app.up(app.Where(image.root), tools)
    pushed, attached = cloud.registry.calls
    assert pushed.startswith("push ") and attached.startswith("attach ")
    assert result.uploaded_bytes > 0
    cloud.registry.calls.clear()
    assert not app.up(app.Where(image.root), tools).changed
    assert cloud.registry.calls == []


def test_up_attaches_what_could_not_be_attached_a_few_times_and_asks_nobody_otherwise(image: House) -> None:
    cloud = FakeCloud()
    bases.add(cloud.registry)
    refusing = Refusing()
    refusing.__dict__ |= cloud.registry.__dict__
    cloud.registry = refusing
    tools = Tools(SystemShell(), image.reporter, lambda _: cloud, refusing)
    where = app.Where(image.root)
    for tries in (1, 2):
        assert app.up(where, tools).changed == (tries == 1)
        assert len([note for note in image.reporter.notes if "is not attached" in note]) == tries
    willing = FakeRegistry()
    willing.__dict__ |= refusing.__dict__
    willing.calls.clear()
    app.up(where, replace(tools, images=willing))
    assert [call.split()[0] for call in willing.calls] == ["attach"]
    app.up(where, tools)
    assert len([note for note in image.reporter.notes if "is not attached" in note]) == 2


def test_a_registry_that_knows_no_referrers_is_not_asked_for_ever(image: House) -> None:
    cloud = FakeCloud()
    bases.add(cloud.registry)
    refusing = Refusing()
    refusing.__dict__ |= cloud.registry.__dict__
    cloud.registry = refusing
    tools = Tools(SystemShell(), image.reporter, lambda _: cloud, refusing)
    for _ in range(5):
        app.up(app.Where(image.root), tools)
    assert len([note for note in image.reporter.notes if "is not attached" in note]) == 3

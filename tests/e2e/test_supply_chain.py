"""The supply chain on the local AWS: what a version is made of, a model that was changed on its way, a list beside an image."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import onnx
import pytest
import urllib3

from slsdeploy import app
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import DeployError
from slsdeploy.tools import Tools
from slsdeploy.types import SBOM
from tests import wheelhouse
from tests.fakes import FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
pytestmark = pytest.mark.e2e


class Desk:
    """A copy of samples/iris under a name of its own, and the local AWS."""

    def __init__(self, root: Path, aws: Any, name: str) -> None:
        self.root, self.aws, self.name = root, aws, name
        self.reporter = FakeReporter()
        registry = OciRegistry(SystemShell())
        self.tools = Tools(SystemShell(), self.reporter, lambda _: Aws(None, aws.endpoint), registry)

    def where(self, **overrides: object) -> Where:
        return Where(self.root, local=True, overrides=overrides)

    @property
    def bundle(self) -> Path:
        return self.root / ".slsdeploy" / "dev-local" / "bundle"


@pytest.fixture
def desk(local_aws: Any, tmp_path: Path) -> Desk:
    root, name = tmp_path / "iris", local_aws.name("iris")
    shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
    path = root / "slsdeploy.toml"
    path.write_text(path.read_text().replace('"iris"', f'"{name}"'))
    return Desk(root, local_aws, name)


def tamper(archive: Path) -> None:
    """Put another model of the same size and signature into an archive that is to be uploaded."""
    with zipfile.ZipFile(archive) as packed:
        (name,) = packed.namelist()
        content = packed.read(name)
    model = onnx.ModelProto.FromString(content)
    model.producer_name = "x" * len(model.producer_name)
    archive.unlink()  # it is a link to the cache's
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(zipfile.ZipInfo(name), model.SerializeToString())


def test_each_version_says_what_it_is_made_of(desk: Desk) -> None:
    result = app.up(desk.where(), desk.tools)
    client = desk.aws.client("lambda")
    told = client.get_function_configuration(FunctionName=result.function_name, Qualifier=result.version)
    variables = told["Environment"]["Variables"]
    digest = wheelhouse.digest(desk.root / "iris.onnx")
    assert variables["SLSDEPLOY_BUNDLE"] == result.bundle_digest
    assert variables["SLSDEPLOY_MODELS"] == f"{desk.name}={digest}"
    stated = app.status(desk.where(), desk.tools)
    assert (stated.bundle_digest, stated.models) == (result.bundle_digest, {desk.name: digest})
    app.down(desk.where(), desk.tools)


@pytest.mark.parametrize("verify", [True, False])
def test_a_model_that_was_changed_on_its_way_does_not_start(desk: Desk, verify: bool) -> None:
    where = desk.where(verify=verify)
    app.build(where, desk.tools)
    size = (archive := next(desk.bundle.glob("archives/model-*.zip"))).stat().st_size
    tamper(archive)
    document = json.loads((desk.bundle / "bundle.json").read_text())
    for each in document["bundle"]["archives"]:
        each["bytes"] = archive.stat().st_size if each["bytes"] == size else each["bytes"]
    (desk.bundle / "bundle.json").write_text(json.dumps(document))
    if verify:
        with pytest.raises(DeployError, match=f"does not start: .*model '{desk.name}' is not what was built") as caught:
            app.up(where, desk.tools)
        assert wheelhouse.digest(desk.root / "iris.onnx") in caught.value.message
    else:
        assert app.up(where, desk.tools).changed
    app.down(desk.where(), desk.tools)


def test_the_bill_of_materials_is_beside_the_image(desk: Desk) -> None:
    where = desk.where(package="image")
    app.up(where, desk.tools)
    assert not [note for note in desk.reporter.notes if "bill of materials" in note]
    (repository,) = (
        each["repositoryName"]
        for each in desk.aws.client("ecr").describe_repositories()["repositories"]
        if desk.name in each["repositoryName"]
    )
    host = urlsplit(desk.aws.endpoint).netloc
    function = desk.aws.client("lambda").get_function(FunctionName=f"{desk.name}-dev")
    digest = function["Code"]["ImageUri"].partition("@")[2]

    def ask(path: str) -> Any:
        return urllib3.request("GET", f"http://{host}/v2/{repository}/{path}", timeout=10)

    (referrer,) = ask(f"referrers/{digest}").json()["manifests"]
    (layer,) = ask(f"manifests/{referrer['digest']}").json()["layers"]
    assert ask(f"blobs/{layer['digest']}").data == (desk.bundle / SBOM).read_bytes()
    assert not app.up(where, desk.tools).changed
    app.down(where, desk.tools)
    assert ask(f"manifests/{referrer['digest']}").status == 404

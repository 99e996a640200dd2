"""An event source of a package of its own: found through its entry point, wired, bundled, called and sampled; none of our files changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.building import save_model
from tests.e2e.conftest import LocalAws
from tests.wheelhouse import add_wheel

pytestmark = pytest.mark.e2e

MODULE = '''
"""Drums: a beat on one is an inference request."""

from dataclasses import dataclass
from typing import Any, Literal

from slsdeploy_runtime.events import Wiring, option, variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A drum."""

    type: Literal["drum"] = "drum"
    skin: str = option("goat", "what it is covered with")

    def __post_init__(self):
        if self.skin == "paper":
            raise ValueError('skin: found "paper", expected one that holds')


def wire(trigger, site):
    name = f"{site.trigger}Queue"
    return Wiring(
        resources={name: {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}},
        environment={variable(site.trigger, "SKIN"): trigger.skin},
        outputs={"DrumUrl": {"Ref": name}},
    )


def matches(event: Any, source: Any) -> bool:
    return isinstance(event, dict) and "beat" in event


def handle(event: Any, context: Any, service: Any, source: Any) -> object:
    from slsdeploy_runtime.request import Request

    answer = service.answer(Request(event["beat"], source="drum"))
    return {"on": source.setting("SKIN"), "skin": source.options.skin, **answer}


def sample(body: Any, placed: Any) -> Any:
    return {"beat": body, "url": placed.outputs["DrumUrl"]}
'''


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel of the package `acme-drums`."""
    files = {
        "acme_drums/__init__.py": b"",
        "acme_drums/drum.py": MODULE.encode(),
        "acme_drums-1.0.dist-info/entry_points.txt": b"[slsdeploy.events]\ndrum = acme_drums.drum\n",
    }
    return add_wheel(tmp_path / "wheels", "acme-drums", files=files)


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """A folder as pip fills it: what `site-packages` is."""
    folder = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def slsdeploy(installed: Path, *words: str, code: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "slsdeploy", *words, "--json"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_it_is_one_as_ours_are(local_aws: LocalAws, wheel: Path, installed: Path, tmp_path: Path) -> None:
    project = tmp_path / "band"
    save_model(tmp_path / "model.onnx", factor=2.0)
    name = local_aws.name("band")
    model = str(tmp_path / "model.onnx")
    slsdeploy(installed, "init", str(project), "--model", model, "--trigger", "drum", "--name", name)
    listed = slsdeploy(installed, "schema")["properties"]["trigger"]["items"]["oneOf"]
    assert any(each["properties"]["type"].get("const") == "drum" for each in listed)

    refused = slsdeploy(installed, "up", str(project), "--local", code=3)["error"]
    assert "'drum' is acme_drums.drum of the package acme-drums, which the bundle does not have" in refused["message"]
    assert refused["hint"] == "add acme-drums to the requirements"

    (project / "wheels").mkdir()
    wheel.rename(project / "wheels" / wheel.name)
    (project / "requirements.txt").write_text("--find-links wheels\nacme-drums==1.0\n")
    outputs = slsdeploy(installed, "up", str(project), "--local")["outputs"]
    assert outputs["DrumUrl"].startswith("http")
    beaten = slsdeploy(installed, "invoke", str(project), "--local", "--sample", "drum")["payload"]
    assert beaten == {"on": "goat", "skin": "goat", "outputs": {"y": [[0.0, pytest.approx(0.1)]]}}


def test_its_options_are_checked_as_ours_are(installed: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "model.onnx")
    toml = 'name = "band"\nmodel = "model.onnx"\n[[trigger]]\ntype = "drum"\n'
    (tmp_path / "slsdeploy.toml").write_text(toml + 'skin = "paper"\n')
    (problem,) = slsdeploy(installed, "check", str(tmp_path), code=2)["error"]["problems"]
    assert (problem["key"], problem["line"]) == ("trigger[0].skin", 5)
    assert problem["message"] == 'found "paper", expected one that holds'
    (tmp_path / "slsdeploy.toml").write_text(toml.replace("drum", "drumm"))
    (problem,) = slsdeploy(installed, "check", str(tmp_path), code=2)["error"]["problems"]
    assert (problem["key"], problem["hint"]) == ("trigger[0].type", 'did you mean "drum"?')


def test_one_that_does_not_import_is_named(installed: Path, tmp_path: Path) -> None:
    (installed / "acme_drums" / "drum.py").write_text("import nothing_like_it\n")
    save_model(tmp_path / "model.onnx")
    toml = 'name = "band"\nmodel = "model.onnx"\n'
    (tmp_path / "slsdeploy.toml").write_text(toml)
    slsdeploy(installed, "check", str(tmp_path))  # nobody asks for it
    (tmp_path / "slsdeploy.toml").write_text(toml + '[[trigger]]\ntype = "drum"\n')
    said = slsdeploy(installed, "check", str(tmp_path), code=2)["error"]["message"]
    assert said.startswith("the event source 'drum' of the package acme-drums does not import: ModuleNotFoundError")

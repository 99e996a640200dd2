"""What is generated from the configuration is what is committed, and holds for every sample."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from slsdeploy.config import json_schema, load

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SAMPLES = sorted((ROOT / "samples").glob("*/slsdeploy.toml"))


def test_the_schema_is_the_committed_one() -> None:
    committed = json.loads((DOCS / "schema.json").read_text(encoding="utf-8"))
    assert json_schema() == committed, "run `python docs/generate.py`"


def test_the_page_of_keys_is_the_committed_one() -> None:
    spec = importlib.util.spec_from_file_location("configuration", DOCS / "configuration.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.configuration() == (DOCS / "configuration.md").read_text(encoding="utf-8"), (
        "run `python docs/generate.py`"
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_schema_and_loader_accept_every_sample(sample: Path) -> None:
    jsonschema.validate(tomllib.loads(sample.read_text(encoding="utf-8")), json_schema())
    assert load(sample, overrides={}, environ={})[0].name == sample.parent.name


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 3


def test_the_first_project_is_the_whole_file_of_a_sample() -> None:
    text = (ROOT / "samples" / "iris" / "slsdeploy.toml").read_text(encoding="utf-8")
    assert text == 'name = "iris"\nmodel = "iris.onnx"\n\n[[trigger]]\ntype = "http"\n'
    assert text in (DOCS / "configuration.md").read_text(encoding="utf-8")

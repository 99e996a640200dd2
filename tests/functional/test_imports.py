"""What a command does not import, so that it starts at once: asked of a fresh process, whose own imports are all there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import HANDLER, House

# Runs the command line, then says which modules there are.
ASK = """
import json, sys
from pathlib import Path
from slsdeploy.__main__ import main
try:
    main(sys.argv[2:])
except SystemExit as ended:
    Path(sys.argv[1]).write_text(json.dumps(sorted(sys.modules)))
    raise
"""
TOML = 'name = "house"\nmodel = "iris.onnx"\nslim = "off"\noptimize = "off"\n[[trigger]]\ntype = "http"\n'
# Packages and modules of ours: what has to be made, asked of others, or drawn for another command.
UNWANTED = (
    *("boto3", "botocore", "urllib3", "moto", "aiohttp", "samtranslator", "yaml"),
    *("numpy", "onnx", "onnxruntime", "elftools", "cyclonedx", "deflate", "rich.progress"),
    *(
        "slsdeploy.apply",
        "slsdeploy.removal",
        "slsdeploy.plan",
        "slsdeploy.steps",
        "slsdeploy.artifacts",
        "slsdeploy.oci",
    ),
    *("slsdeploy.exports", "slsdeploy.attaching", "slsdeploy.explaining", "slsdeploy.sarif", "slsdeploy.treemap"),
    *("slsdeploy.bundle.making", "slsdeploy.bundle.packing", "slsdeploy.bundle.sbom", "slsdeploy.bundle.wheels"),
    *("slsdeploy.bundle.verify", "slsdeploy.bundle.base_pin", "slsdeploy.bundle.slim.models"),
    *("slsdeploy.results.deploy", "slsdeploy.views.deploy", "slsdeploy.effects.aws", "slsdeploy.local"),
    *("slsdeploy_runtime.events.sqs", "slsdeploy_runtime.events.s3", "slsdeploy_runtime.outputs.sqs"),
)


def imported(tmp_path: Path, *words: str) -> set[str]:
    """Return the modules that a command has imported, and every package that one of them is in."""
    said = tmp_path / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(said), *words],
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    modules = json.loads(said.read_text())
    return {".".join(name.split(".")[:length]) for name in modules for length in range(1, name.count(".") + 2)}


@pytest.fixture
def built(house: House, tmp_path: Path) -> House:
    """A project with a handler, built."""
    house.write("slsdeploy.toml", TOML)
    house.write("handler.py", HANDLER)
    os.utime(house.root / "iris.onnx", (1_000_000_000, 1_000_000_000))  # what is only just written is read again
    imported(tmp_path, "build", str(house.root), "--local")
    return house


def test_a_build_with_nothing_to_make_imports_nothing_that_makes_it(built: House, tmp_path: Path) -> None:
    found = imported(tmp_path, "build", str(built.root), "--local")
    assert "slsdeploy.bundle.record" in found and "slsdeploy_runtime.events.http" in found
    assert sorted(found.intersection(UNWANTED)) == []


def test_a_changed_line_asks_nobody(built: House, tmp_path: Path) -> None:
    built.write("handler.py", f"{HANDLER}# changed\n")
    found = imported(tmp_path, "build", str(built.root), "--local")
    assert "slsdeploy.bundle.making" in found
    others = {"boto3", "botocore", "urllib3", "moto", "numpy", "onnx", "onnxruntime", "samtranslator", "rich.progress"}
    assert sorted(found & others) == []
    assert "slsdeploy.bundle.wheels" not in found


def test_check_imports_no_more_than_a_build(built: House, tmp_path: Path) -> None:
    found = imported(tmp_path, "check", str(built.root), "--local")
    assert "slsdeploy.rules.region" in found
    assert sorted(found.intersection(UNWANTED)) == []


def test_help_imports_no_pipeline(tmp_path: Path) -> None:
    found = imported(tmp_path, "--help")
    assert sorted(found & {"slsdeploy.app", "slsdeploy.config", "slsdeploy.ui", "pydantic", "rich"}) == []

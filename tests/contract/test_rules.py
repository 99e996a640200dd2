"""Every rule of the preflight: its fixture (tests/rules) trips it and only it, through the whole command line; it explains itself."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import __main__, explaining, rules
from slsdeploy.rules import BundleRule, Rule
from tests import wheelhouse

ROOT = Path(__file__).parents[2]
RULES = rules.find_rules()
FIXTURES = sorted(file.stem.replace("_", "-") for file in (ROOT / "tests/rules").glob("[!_]*.py"))
SAMPLES = sorted(folder.parent.name for folder in ROOT.glob("samples/*/slsdeploy.toml"))

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json in this process; return its document."""
    wheelhouse.use(tmp_path, monkeypatch)
    monkeypatch.setenv("SLSDEPLOY_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "iris").mkdir()

    def run(*words: str | Path) -> dict[str, Any]:
        with pytest.raises(SystemExit):
            __main__.main([*map(str, words), "--json"])
        return dict(json.loads(capsys.readouterr().out))

    return run


def test_every_rule_has_a_fixture_and_every_fixture_a_rule() -> None:
    assert [rule.id for rule in RULES] == FIXTURES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_its_fixture_trips_it_and_only_it(
    rule: Rule, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = importlib.import_module(f"tests.rules.{rule.id.replace('-', '_')}")
    root = tmp_path / "iris"
    for name, value in getattr(fixture, "ENVIRONMENT", {}).items():
        monkeypatch.setenv(name, value)
    fixture.write(root)
    if hasattr(fixture, "wheels"):
        fixture.wheels(tmp_path / "index")
        run("build", root)
        getattr(fixture, "amend", lambda root: None)(root)
    else:
        assert not isinstance(rule, BundleRule), "a rule about a bundle needs one: write wheels()"
    document = run("check", root)
    assert "problems" in document, document
    problems = document["problems"]
    assert problems and {problem["rule"] for problem in problems} == {rule.id}, problems
    assert problems[0]["severity"] == rule.severity or rule.id == "handler-syntax"  # whose judge is this Python
    for problem in problems:
        assert problem["message"] and problem["hint"] and problem["link"] == rule.link
        path = problem["path"]
        assert not path or (root / path).exists() or rule.id in ("model-missing", "handler-missing"), path
        assert not problem["line"] or problem["line"] <= len((root / path).read_text().splitlines())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_it_explains_itself(rule: Rule) -> None:
    said = explaining.explain(rule)
    assert all((said.meaning, said.why, said.mend, said.example)), said
    assert said.summary.endswith(".") and len(said.summary) < 100
    assert said.link.startswith("https://")


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_are_clean(sample: str, run: Run) -> None:
    assert run("check", ROOT / "samples" / sample)["problems"] == []

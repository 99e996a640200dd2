"""The documentation says what is so: generated parts are as generated, links lead somewhere, every command has an example."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from slsdeploy import config, plugins

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "samples").glob("*/README.md"))]


def test_the_command_reference_is_as_generated() -> None:
    argv = [sys.executable, "-m", "typer", "slsdeploy.cli", "utils", "docs", "--name", "slsdeploy"]
    generated = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert generated == (ROOT / "docs/commands.md").read_text(), "run `python docs/generate.py`"


def test_the_page_of_rules_is_as_generated() -> None:
    spec = importlib.util.spec_from_file_location("rules_page", ROOT / "docs/rules.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.rules() == (ROOT / "docs/rules.md").read_text(), "run `python docs/generate.py`"


def test_every_command_shows_an_example() -> None:
    sections = (ROOT / "docs/commands.md").read_text().split("\n#")[2:]
    commands = [section for section in sections if "COMMAND [ARGS]" not in section]
    assert len(commands) > 12
    assert [section.splitlines()[0] for section in commands if "Example: slsdeploy " not in section] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("source", plugins.event_sources())
def test_every_event_source_has_a_page_whose_lines_of_toml_are_accepted(source: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "triggers" / f"{source}.md").read_text()
    lines = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / config.FILE).write_text(f'name = "iris"\nmodel = "iris.onnx"\n{lines}')
    loaded, _ = config.load(tmp_path / config.FILE, overrides={}, environ={})
    assert [trigger.type for trigger in loaded.trigger] == [source]
    for heading in ("What comes in.", "Where the answer goes.", "What happens on failure."):
        assert f"**{heading}**" in page
    assert f"({source}.md)" in (ROOT / "docs/triggers/README.md").read_text()


def test_the_page_on_failures_says_of_every_event_source_what_becomes_of_a_bad_record() -> None:
    table = (ROOT / "docs/failures.md").read_text().partition("|---|")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]
    assert [len(row) for row in rows] == [4] * len(rows)
    assert sorted(row[0] for row in rows) == sorted(
        ["direct invoke", *(f"[`{source}`](triggers/{source}.md)" for source in plugins.event_sources())]
    )

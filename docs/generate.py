"""Writes the parts of the documentation that are generated: `python docs/generate.py`. A test compares them with what is committed.

docs/commands.md        from the commands themselves (Typer)
docs/schema.json        the JSON Schema of slsdeploy.toml, for editors
docs/configuration.md   its keys, as tables
docs/rules.md           the preflight's rules, as they explain themselves
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent


def commands() -> str:
    """Return the command reference as Typer writes it."""
    argv = [sys.executable, "-m", "typer", "slsdeploy.cli", "utils", "docs", "--name", "slsdeploy"]
    return subprocess.run(argv, check=True, capture_output=True, text=True, cwd=DOCS.parent).stdout


def schema() -> str:
    """Return the JSON Schema of slsdeploy.toml."""
    from slsdeploy import config

    return json.dumps(config.json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    from configuration import configuration
    from rules import rules

    (DOCS / "commands.md").write_text(commands(), encoding="utf-8")
    (DOCS / "schema.json").write_text(schema(), encoding="utf-8")
    (DOCS / "configuration.md").write_text(configuration(), encoding="utf-8")
    (DOCS / "rules.md").write_text(rules(), encoding="utf-8")

"""The house keeps its rules: modules that fit on a few screens."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [p for folder in ("slsdeploy", "handlers") for p in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_at_most_400_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 400

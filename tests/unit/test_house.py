"""The house keeps its rules: modules that fit on a few screens, maps that name every one of them."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
MODULES = [p for folder in ("slsdeploy", "handlers") for p in sorted((ROOT / folder).rglob("*.py"))]

MAPS = ("bundle", "bundle/prepare", "bundle/slim", "effects/registry", "local/images")


@pytest.mark.parametrize("package", MAPS)
def test_a_map_names_every_module(package: str) -> None:
    folder = ROOT / "slsdeploy" / package
    words = set(re.findall(r"\w+", ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""))
    assert {module.stem for module in folder.glob("[!_]*.py")} <= words


@pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_at_most_400_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 400


def test_no_imports_go_in_a_circle_not_even_those_within_functions() -> None:
    graph = grimp.build_graph("slsdeploy", exclude_type_checking_imports=True, cache_dir=None)
    assert len(graph.modules) > 200
    TopologicalSorter({each: graph.find_modules_directly_imported_by(each) for each in graph.modules}).prepare()

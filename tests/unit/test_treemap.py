"""The page that shows what takes the space: rectangles by their share, labels, nothing from elsewhere; and the table in the terminal."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from slsdeploy.results.prepare import Built
from slsdeploy.treemap import Sized, nodes, page, squares
from slsdeploy.treemap.squares import Box
from slsdeploy.views import view
from tests.unit.test_bench_page import Checked

FILES = [
    Sized("dependencies", "opt/python/numpy/_core/math.cpython-313-x86_64-linux-gnu.so", 50_000_000),
    Sized("dependencies", "opt/python/numpy/__init__.py", 3_000_000),
    Sized("dependencies", "opt/python/numpy/__pycache__/__init__.cpython-313.pyc", 2_000_000),
    Sized("dependencies", "opt/python/numpy/empty.py", 0),
    Sized("model", "opt/models/iris/<b>&.onnx", 40_000_000),
    Sized("code", "task/handler.py", 900),
]
CUTS = [
    {"name": "tests", "package": "numpy", "files": 3, "bytes": 6_000_000, "why": "its own tests", "undone": ""},
    {"name": "stubs", "package": "<gear>", "files": 1, "bytes": 10, "why": "types", "undone": "gear: <oops>"},
]
SLIMMED = {
    "mode": "auto",
    "bytes": 6_000_000,
    "cuts": CUTS,
    "imports_by": "Python imported it",
    "outputs_by": "same outputs",
}
SPACE = [
    {"name": "numpy", "part": "dependencies", "bytes": 55_000_000, "files": 4, "cut_bytes": 6_000_000, "cut_files": 3},
    {"name": "model iris", "part": "model", "bytes": 40_000_000, "files": 1, "cut_bytes": 0, "cut_files": 0},
    {"name": "your code", "part": "code", "bytes": 900, "files": 1, "cut_bytes": 0, "cut_files": 0},
    {"name": "protobuf", "part": "dependencies", "bytes": 0, "files": 0, "cut_bytes": 1_400_000, "cut_files": 65},
]


def built(**given: Any) -> Built:
    parts = [{"name": "code", "digest": "d" * 64, "files": 1, "bytes": 900, "compressed_bytes": 300}]
    return Built("layer", "abc" * 21, parts, 95_000_900, "/bundle", **{"space": SPACE, "slimmed": SLIMMED, **given})


@pytest.mark.parametrize("amounts", [[6, 6, 4, 3, 2, 2, 1], [1], [1e6, 1, 1e-2], [1] * 50, [5, 5]])
@pytest.mark.parametrize("box", [Box(0, 0, 1.8, 1), Box(3, 4, 1, 40)])
def test_rectangles_fill_the_box_by_their_share(amounts: list[float], box: Box) -> None:
    found = squares.fill(amounts, box)
    scale = box.width * box.height / sum(amounts)
    for amount, place in zip(amounts, found, strict=True):
        assert place.width * place.height == pytest.approx(amount * scale, rel=1e-4)
        assert box.x - 1e-9 <= place.x and place.x + place.width <= box.x + box.width + 1e-9
        assert box.y - 1e-9 <= place.y and place.y + place.height <= box.y + box.height + 1e-9
    for number, one in enumerate(found):
        for two in found[number + 1 :]:
            apart = max(
                two.x - one.x - one.width,
                one.x - two.x - two.width,
                two.y - one.y - one.height,
                one.y - two.y - two.height,
            )
            assert apart >= -1e-9


def test_rectangles_are_as_square_as_can_be() -> None:
    found = squares.fill([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4))
    assert all(max(box.width / box.height, box.height / box.width) < 3 for box in found)
    assert squares.fill([], Box(0, 0, 1, 1)) == []


def test_files_become_folders_the_largest_first() -> None:
    dependencies, model, code = nodes.parts(FILES)
    assert [node.name for node in (dependencies, model, code)] == ["dependencies", "model", "code"]
    (numpy,) = dependencies.children
    assert (numpy.name, numpy.bytes, numpy.files) == ("numpy", 55_000_000, 3)
    assert [node.name for node in numpy.children] == [
        "_core/math.cpython-313-x86_64-linux-gnu.so",
        "__init__.py",
        "__pycache__/__init__.cpython-313.pyc",
    ]
    assert [node.kind for node in numpy.children] == ["library", "module", "bytecode"]
    assert model.children[0].path == "models/iris/<b>&.onnx"


def test_what_is_small_is_summed_up() -> None:
    (part,) = nodes.parts([Sized("code", f"task/{number:03}.py", 1000 - number) for number in range(100)])
    assert len(part.children) == 30
    assert part.children[-1].name == "71 smaller"
    assert sum(node.bytes for node in part.children) == part.bytes
    assert all(one.bytes >= two.bytes for one, two in pairwise(part.children[:-1]))


def test_the_page_is_complete_and_needs_nothing_else() -> None:
    text = page(built(), FILES, "iris-dev", 262_144_000)
    checked = Checked(text)
    said = " ".join("".join(checked.text).split())
    assert "iris-dev: what takes the space" in said
    assert "_core/math.so" in said and "<b>&.onnx" in said and "gear: <oops>" in said
    assert "36% of the 262,144,000 bytes" in said
    titles = [value for name, value in checked.attributes if name == "title"]
    assert "numpy/_core/math.cpython-313-x86_64-linux-gnu.so\\n50.0 MB, 52.6 %".replace("\\n", "\n") in titles
    assert not [value for name, value in checked.attributes if name in ("src", "href", "action")]
    assert not re.search(r"https?:|@import|url\(", text)


def test_the_page_of_nothing() -> None:
    Checked(page(built(space=(), slimmed={"mode": "off", "bytes": 0, "cuts": []}), [], "iris", 1))


def shown(result: Built) -> str:
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as capture:
        for line in view(result):
            console.print(line)
    return capture.get()


def test_the_table_in_the_terminal() -> None:
    said = shown(built(html="/tmp/map.html"))
    (numpy,) = [line for line in said.splitlines() if line.startswith("numpy")]
    assert numpy.split() == ["numpy", "4", "55.0", "MB", "57.9", "%", "6.0", "MB"]
    (gone,) = [line for line in said.splitlines() if line.startswith("protobuf")]
    assert gone.split() == ["protobuf", "-", "1.4", "MB"]
    assert "slim: 6.0 MB left out" in said and "same outputs" in said and "treemap /tmp/map.html" in said


def test_many_rows_are_summed_up_in_the_terminal() -> None:
    rows = [{**SPACE[0], "name": f"gear{number}", "bytes": 1000} for number in range(20)]
    said = shown(built(space=rows))
    assert "gear11" in said and "gear12" not in said and "8 more" in said

"""Every key of a TOML text has its line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from slsdeploy.config.lines import Path, locate, nearest

TEXT = '''\
# a comment with [brackets] = "and quotes"
name = "iris"  # name = 3
"quoted key" = 1
'literal.key' = 2
a.b.c = 3
when = 1979-05-27 07:32:00
text = """
name = "not a key"
[not.a.table]
\\""" still inside """
raw = \'\'\'
[[no]]\'\'\'
list = [
  1, # ]
  "]",
  [2, 3],
  { x = 1, y = { z = [1, 2] } },
]

[table]
key = true
dotted . sub = 1

[table.inner]
key = "x"

[[trigger]]
type = "http"

[[trigger]]
type = "sqs"
[trigger.filter]
pattern = {}

[[trigger.rule]]
n = 1
[[trigger.rule]]
n = 2
'''

EXPECTED: dict[Path, int] = {
    ("name",): 2,
    ("quoted key",): 3,
    ("literal.key",): 4,
    ("a",): 5,
    ("a", "b", "c"): 5,
    ("when",): 6,
    ("text",): 7,
    ("raw",): 11,
    ("list",): 13,
    ("list", 0): 14,
    ("list", 1): 15,
    ("list", 2, 1): 16,
    ("list", 3, "y", "z", 1): 17,
    ("table",): 20,
    ("table", "key"): 21,
    ("table", "dotted", "sub"): 22,
    ("table", "inner"): 24,
    ("table", "inner", "key"): 25,
    ("trigger",): 27,
    ("trigger", 0): 27,
    ("trigger", 0, "type"): 28,
    ("trigger", 1): 30,
    ("trigger", 1, "type"): 31,
    ("trigger", 1, "filter", "pattern"): 33,
    ("trigger", 1, "rule", 0, "n"): 36,
    ("trigger", 1, "rule", 1): 37,
    ("trigger", 1, "rule", 1, "n"): 38,
}


@pytest.mark.parametrize(("path", "line"), EXPECTED.items(), ids=str)
def test_line_of_a_key(path: Path, line: int) -> None:
    assert locate(TEXT)[path] == line


def paths(value: Any, path: Path = ()) -> set[Path]:
    """List every path that tomllib finds."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path for path in [path] if path}.union(*(paths(inner, (*path, key)) for key, inner in items))


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "",
        "a = 1",
        'a = """x"""""\nb = 2',
        "a = ''''x'''''\nb = 2",
        'a = "\\"" # "\nb = [\n]\nc = []',
        "[ spaced . out ]\nkey = 1",
        '[[a]]\n[[a.b]]\n[[a.b]]\n[a.b.c]\nd = 1\n[[a]]\n[a.e]\n"" = 1',
        "a = [[], [[]], {}, {b = 'x, }'}]",
        "\r\n".join(["a = 1", "[b]", "c = 2", ""]),
        'emoji = "\N{ROBOT FACE}" # \N{ROBOT FACE}\nb = 1',
    ],
)
def test_finds_exactly_what_tomllib_finds(text: str) -> None:
    assert set(locate(text)) == paths(tomllib.loads(text))


def test_nearest_is_the_innermost_that_is_written() -> None:
    lines = locate(TEXT)
    assert nearest(lines, ("trigger", 1, "missing")) == 30
    assert nearest(lines, ("nowhere",)) == 0

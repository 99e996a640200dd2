"""A module's text -> which folders of tests it may open by their name: as files, or as modules looked for by a relative name.

Read from its strings; nothing is run. A set of names is left aside: packages keep there what is not to be found (`numpy.__dir__`).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

FOLDERS = ("tests", "test")
# begins with plain letters: that is found ten times as fast
_PERHAPS = re.compile(rb"test(?<=[\"'/\\}.]test)s?(?=[\"'/\\{.])")
_SEPARATORS = re.compile(r"[/\\]")
# `.tests.a`, and what follows or takes a package's name: f"{name}.tests", "%s.tests", "{}.tests"
_RELATIVE = (".", "%", "{")


def of(content: bytes) -> frozenset[str]:
    """Return those of FOLDERS that a module says; a module that cannot be read says what it might."""
    perhaps = frozenset(found.decode() for found in _PERHAPS.findall(content))
    if not perhaps:
        return perhaps
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return perhaps  # for another Python, or none
    return frozenset(part for text in _strings(tree) for part in _parts(text) if part in FOLDERS)


def _strings(tree: ast.Module) -> Iterator[str]:
    """Yield the strings but for documentation and the members of sets."""
    aside: set[ast.expr] = set()
    for node in ast.walk(tree):  # what is around comes first
        if isinstance(node, ast.Expr):
            aside.add(node.value)
        elif isinstance(node, ast.Set):
            aside.update(node.elts)
        elif isinstance(node, ast.Constant) and node not in aside:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


def _parts(text: str) -> Iterator[str]:
    if "\n" in text:
        return
    yield from _SEPARATORS.split(text)
    if text.startswith(_RELATIVE):
        yield from text.split(".")

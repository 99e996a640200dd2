"""A module's source -> what importing it does: which modules it imports, and where it reads the clock or asks for chance.

Read from its text; nothing is run. What is in a function waits until that is called; decorators, defaults and class bodies do not.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# https://docs.python.org/3/library/time.html, datetime.html; what measures durations (perf_counter, monotonic) is no date
_CLOCK = frozenset(
    {
        *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")),
        *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
        *("datetime.date.today", "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow"),
        *("arrow.now", "arrow.utcnow", "pendulum.now"),
    }
)
# with arguments they are those of one moment, not of now
_OF_NOW = frozenset({"time.localtime", "time.gmtime", "time.ctime", "time.asctime", "time.strftime"})
_ZERO_OF_NOW = {"time.strftime": 1}
_CHANCE = frozenset(
    {
        *(
            "uuid.uuid1",
            "uuid.uuid4",
            "uuid.uuid6",
            "uuid.uuid7",
            "os.urandom",
            "random.SystemRandom",
            "tempfile.mktemp",
        ),
        *(
            f"secrets.{name}"
            for name in ("token_hex", "token_bytes", "token_urlsafe", "choice", "randbelow", "randbits")
        ),
    }
)
_SEEDED = ("random.", "numpy.random.")
_SEEDS = frozenset({"random.seed", "numpy.random.seed"})
# they take their seed as an argument, and without it are another each time
_GENERATORS = frozenset(
    {
        *("random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence"),
        *(f"numpy.random.{name}" for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")),
    }
)
_NO_DRAW = frozenset({"random.getstate", "random.setstate", "numpy.random.get_state", "numpy.random.Generator"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A call at import that answers otherwise each time: "clock" or "chance", its line, what is called."""

    kind: Literal["clock", "chance"]
    line: int
    call: str


@dataclass(frozen=True, slots=True)
class Imports:
    """What a module imports: dotted names (relative ones with their dots), all of them, and those at import."""

    anywhere: tuple[str, ...]
    at_import: tuple[str, ...]


def parse(content: bytes) -> ast.Module | None:
    """Return the module; None for what is not in this Python's grammar (which others say)."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imports(module: ast.Module) -> Imports:
    """Return what it imports; of `from a import b` both a and a.b, which may be a module too."""
    anywhere = sorted({name for node in ast.walk(module) for name in _imported(node)})
    at_import = sorted({name for node in _executed(module) for name in _imported(node)})
    return Imports(tuple(anywhere), tuple(at_import))


def readings(module: ast.Module) -> Iterator[Reading]:
    """Yield where importing it reads the clock or asks for chance; seeded generators are the same each time."""
    names = _names(module)
    is_seeded = False
    for node in _executed(module):
        if not isinstance(node, ast.Call):
            continue
        call, given = _called(node.func, names), len(node.args) + len(node.keywords)
        is_seeded = is_seeded or (call in _SEEDS and given > 0)
        if call in _CLOCK and not (call in _OF_NOW and given > _ZERO_OF_NOW.get(call, 0)):
            yield Reading("clock", node.lineno, call)
        elif call in _CHANCE or _is_drawn(call, given, is_seeded):
            yield Reading("chance", node.lineno, call)


def _is_drawn(call: str, given: int, is_seeded: bool) -> bool:
    if call in _GENERATORS:
        return not given
    return call.startswith(_SEEDED) and call not in _SEEDS and call not in _NO_DRAW and not is_seeded


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = "." * node.level + (node.module or "")
        yield start
        yield from (
            f"{start}{'' if start.endswith('.') else '.'}{name.name}" for name in node.names if name.name != "*"
        )


def _executed(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that importing a module runs, in order; a file may nest deeper than Python's stack."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(_executed_in(node)))


def _executed_in(node: ast.AST) -> list[ast.AST]:
    """Return which parts of a node run when it does; `if TYPE_CHECKING` and `if __name__ == "__main__"` do not."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
        return [*getattr(node, "decorator_list", ()), *defaults]
    if isinstance(node, ast.If) and any(_is_elsewhere(each) for each in ast.walk(node.test)):
        return list(node.orelse)
    if isinstance(node, ast.GeneratorExp):  # all but its first iterable waits
        return [node.generators[0].iter]
    return list(ast.iter_child_nodes(node))


def _is_elsewhere(node: ast.AST) -> bool:
    name = getattr(node, "id", getattr(node, "attr", ""))
    return name in ("TYPE_CHECKING", "__name__")


def _names(module: ast.Module) -> dict[str, str]:
    """Return what the module's names stand for, by its imports: np is numpy."""
    found = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.split(".", 1)[0]
                found[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found


def _called(function: ast.expr, names: dict[str, str]) -> str:
    """Return the full name of what is called; "" for what is no imported name."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name) or function.id not in names:
        return ""
    return ".".join([names[function.id], *reversed(parts)])

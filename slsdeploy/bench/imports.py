"""What `python -X importtime` prints -> what each top-level package costs. Pure.

https://docs.python.org/3/using/cmdline.html#cmdoption-X: a line per module, after those that it imports, which are indented by two
spaces more. Measuring so makes imports a little slower than they are; the proportions are what counts.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( +)(\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Module:
    """One import: its level of nesting, and microseconds by itself and with all that it imports."""

    name: str
    level: int
    own: int
    total: int


@dataclass(frozen=True, slots=True)
class Package:
    """A top-level package or module: milliseconds that its own modules took, and with all that they import."""

    name: str
    own_ms: float
    total_ms: float

    def document(self) -> dict[str, object]:
        """Return it for a JSON document."""
        standard = self.name in sys.stdlib_module_names or self.name.startswith("_")
        times = {"self_ms": round(self.own_ms, 3), "cumulative_ms": round(self.total_ms, 3)}
        return {"package": self.name, "standard_library": standard, **times}


def parse(lines: Iterable[str]) -> list[Module]:
    """Return the imports in the order in which they ended; lines that are no imports are left out."""
    found = []
    for line in lines:
        match = _LINE.search(line)
        if match:
            own, total, indent, name = match.groups()
            found.append(Module(name, (len(indent) - 1) // 2, int(own), int(total)))
    return found


def since(modules: Sequence[Module], package: str) -> list[Module]:
    """Return the imports from the first one on that is a package's own, or is for it: without those of Python and the runtime client.

    All, when there is none. (A module that `importlib.import_module` loads has no line of its own, but those that it imports have.)
    """
    first = next((i for i, module in enumerate(modules) if _package(module.name) == package), None)
    if first is None:
        return list(modules)
    while first < len(modules) and modules[first].level > 0:
        first += 1
    while first > 0 and modules[first - 1].level > 0:
        first -= 1
    return list(modules[first:])


def packages(modules: Sequence[Module]) -> list[Package]:
    """Add up by top-level package, the costliest first. What a package imports of itself is counted once."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    above: list[Module] = []  # read backwards, an import comes after the one that it is for
    for module in reversed(modules):
        while above and above[-1].level >= module.level:
            above.pop()
        name = _package(module.name)
        own[name] += module.own
        if all(_package(other.name) != name for other in above):
            total[name] += module.total
        above.append(module)
    ordered = sorted(own, key=lambda name: -own[name])
    return [Package(name, own[name] / 1000, total[name] / 1000) for name in ordered]


def medians(measured: Sequence[Sequence[Package]]) -> list[Package]:
    """Return the median of several measurements, package by package, the costliest first."""
    names = dict.fromkeys(package.name for one in measured for package in one)
    found = []
    for name in names:
        same = [package for one in measured for package in one if package.name == name]
        own, total = (statistics.median(values) for values in zip(*((p.own_ms, p.total_ms) for p in same), strict=True))
        found.append(Package(name, own, total))
    return sorted(found, key=lambda package: -package.own_ms)


def _package(module: str) -> str:
    return module.partition(".")[0]

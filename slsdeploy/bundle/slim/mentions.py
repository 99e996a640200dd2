"""A module's text -> the dotted names in it that might keep something from being cut: in imports, in attributes, in strings.

Nothing is parsed, as packages have code for other versions of Python; what is in a comment does not count. Names end at the part that
matters: `np.testing.assert_equal` is `numpy.testing` after `import numpy as np`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from slsdeploy.bundle import imports
from slsdeploy.bundle.slim import cut

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<of>[.\w]+)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^\n#;]*)|import[ \t]+(?P<modules>[^\n#;]*))",
    re.MULTILINE,
)
_BEFORE = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$")  # what stands before an attribute
_STARS = ("numpy",)  # whose `*` names its submodules
# who goes through all names of numpy: array_api_compat (in scipy and scikit-learn, too), and whoever looks at each;
# a pattern that begins with plain letters is found ten times as fast
_ALL_NAMES = (
    re.compile(r"clone_module\(\s*[\"']numpy[\"']"),
    re.compile(r"dir(?<!\wdir)\(\s*(?:np|numpy)\s*[,)]"),
    re.compile(r"getmembers(?<!\wgetmembers)\(\s*(?:np|numpy)\s*[,)]"),
)


def of(content: bytes, path: Path | PurePosixPath) -> frozenset[str]:
    """Return the names in a module at that path, relative to where its own package begins."""
    if b"numpy" not in content and not any(word in content and _standing(word).search(content) for word in _words()):
        return frozenset()
    text = _text(content)
    imported = list(_imports(text, path.parent.parts))
    aliases = {alias: name for name, alias in imported}
    found = {_cut_short(name) for name, _ in imported} | {_cut_short(name) for name in _chains(text, aliases)}
    found |= {word for word, wanted in _loose() if word in text and wanted.search(text)} | set(_quoted(text))
    found |= {"numpy.*"} if path.parts[0] != "numpy" and any(each.search(text) for each in _ALL_NAMES) else set()
    return frozenset(name for name in found if name)


def imported(content: bytes, path: PurePosixPath) -> frozenset[str]:
    """Return the names in all imports of a module, in full; whether they must succeed is not looked at."""
    return frozenset(name for name, _ in _imports(_text(content), path.parent.parts))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").replace("\\\n", " ")


def covers(module: str, name: str) -> bool:
    """Say whether who says `name` means the module, or something in it."""
    return name == module or name.startswith(f"{module}.")


def covers_all(module: str, name: str) -> bool:
    """Say whether who says `name` means all modules of the package that the module is in (`from numpy import *`)."""
    return name == f"{module.rpartition('.')[0]}.*"


def _imports(text: str, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each imported name in full, and the name that it has here."""
    for found in _statements(text):
        names = found["names"] if found["of"] else found["modules"]
        above = imports.absolute(found["of"] or "", package)
        for item in re.sub(r"#[^\n]*", "", names).strip("() \t\n").split(","):
            words = item.split()
            if not words:
                continue
            whole = f"{above}.{words[0]}" if above else words[0]
            yield whole, words[2] if len(words) > 2 else words[0].partition(".")[0] if not found["of"] else words[0]
        if above:
            yield above, ""


def _statements(text: str) -> Iterator[re.Match[str]]:
    """Yield the imports, each by the lines that have the word: to try every line takes eight times as long."""
    begin = 0
    while (word := text.find("import", begin)) >= 0:
        line = text.rfind("\n", 0, word) + 1
        found = _IMPORT.match(text, line) if line >= begin else None
        begin = found.end() if found else word + len("import")
        if found:
            yield found


def _chains(text: str, aliases: Mapping[str, str]) -> Iterator[str]:
    """Yield attributes (`np.testing`)."""
    for found in _attribute().finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        before = _BEFORE.search(line)
        if before is None or "#" in line:
            continue
        first, dot, rest = before[0].partition(".")
        name = aliases.get(first, first)
        # `import a.b` gives `a` itself
        yield f"{first if name.startswith(f'{first}.') else name}{dot}{rest}{found[0]}"


def _quoted(text: str) -> Iterator[str]:
    """Yield words that are a string by themselves: a module or a distribution that is looked for by its name."""
    yield from (found[1] for found in _string().finditer(text))


def _cut_short(name: str) -> str:
    """Return a name up to the part that matters; "" when there is none."""
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part in cut.all_words():
            return ".".join(parts[: index + 1])
    return name if parts[-1] == "*" and name[:-2] in _STARS else ""


@cache
def _words() -> tuple[bytes, ...]:
    return tuple(sorted(word.encode() for word in cut.all_words()))


@cache
def _standing(word: bytes) -> re.Pattern[bytes]:
    """Return how a word stands in a text where it matters."""
    return re.compile(rb"%b(?<=[\s.,(\"']%b)(?![A-Za-z0-9_])" % (word, word))


@cache
def _loose() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the words that count wherever they stand."""
    words = sorted(word for each in cut.find_cuts() for word in each.loose)
    return tuple((word, re.compile(rf"{word}(?<!\w{word})(?!\w)")) for word in words)


@cache
def _attribute() -> re.Pattern[str]:
    return re.compile(rf"\.(?:{_alternatives()})(?!\w)")


@cache
def _string() -> re.Pattern[str]:
    names = "|".join(sorted(re.escape(name) for each in cut.find_cuts() for name in each.distributions))
    return re.compile(rf"[\"']({names})[\"']")


def _alternatives() -> str:
    return "|".join(sorted(map(re.escape, cut.all_words()), key=lambda word: (-len(word), word)))

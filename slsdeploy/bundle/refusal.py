"""What uv said when it failed -> an error that names the package, and what it could be had for."""

from __future__ import annotations

import re
from collections.abc import Callable

from slsdeploy.bundle.requirements import ARM64
from slsdeploy.errors import BuildError, ProjectError, SlsdeployError, ToolError

_UNREACHABLE = re.compile(
    r"Request failed after|Failed to fetch|error sending request|dns error|tcp connect error|operation timed out"
    r"|Connection refused|network was disabled",
    re.IGNORECASE,
)
_NO_WHEEL = re.compile(
    r"(?:all versions of )?(?<![\w.<>=!~-])(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<version>(?:,?[<>=!~]=?[^\s,]+)*)"
    r" (?:has|have) no (?:usable wheels|compatible wheels|wheels with a matching|wheels\b)"
)
_PACKAGE = r"`(?P<name>[^`]+)` \((?P<version>v[^)]+)\)"
_AVAILABLE = (
    re.compile(rf"Wheels are available for {_PACKAGE} on the following (?P<kind>platforms?): (?P<list>.+)"),
    re.compile(rf"only found wheels for {_PACKAGE} with the following (?P<kind>Python [A-Za-z]+ tags?): (?P<list>.+)"),
)
_UNKNOWN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*) was not found in the (?:package registry|provided package locations)"
)
_UNPARSED = re.compile(r"Couldn't parse requirement|Unsupported requirement|Expected .*requirement", re.IGNORECASE)
_HASH = re.compile(r"Hash mismatch|hash mismatch|no hashes|In `--require-hashes` mode", re.IGNORECASE)
_MISMATCH = re.compile(
    r"Hash mismatch for `(?P<name>[^`]+)` Expected: (?P<expected>(?:sha\d+:[0-9a-f]+ )+)Computed: (?P<found>sha\d+:[0-9a-f]+)"
)
_LAST_LINES = 12


def translate(
    said: str, origin: str, target: str, probe: Callable[[str], list[str]], again: str = "slsdeploy lock --requirements"
) -> SlsdeployError:
    """Return the error for what uv wrote to standard error; `target` is what was built for, in words.

    `probe` finds out what a requirement has wheels for, where uv does not say so itself; `again` is the command that locks anew.
    """
    said = _strip(said)
    text = " ".join(said.split())
    if _UNREACHABLE.search(text):
        hint = (
            "look at the network, the proxy, and uv's index settings; what is locked and in uv's cache builds offline"
        )
        return ToolError(f"the package index cannot be reached:\n{_indent(said)}", hint, "uv")
    if _UNPARSED.search(text):
        return ProjectError(f"{origin or 'the requirements'} cannot be read:\n{_indent(said)}", where=origin)
    if mismatch := _MISMATCH.search(text):
        return _not_locked(mismatch["name"], mismatch["expected"].split(), mismatch["found"], again)
    if _HASH.search(text):
        hint = "the index has other files than were locked; delete slsdeploy.lock only when that is expected"
        return BuildError(f"a package is not what slsdeploy.lock says:\n{_indent(said)}", hint, "slsdeploy.lock")
    lacking = _without_wheel(text)
    if lacking:
        available = _available(said) or probe(lacking)
        lines = "".join(f"\n  {line}" for line in available or ["it has no wheels at all"])
        hint = "ask for a version that has one, change `python` or `architecture`, or do without the package"
        if not available:
            hint = f"{wheel_of(lacking)}; or ask for another version, or do without the package"
        return BuildError(f"{lacking} has no wheel for {target}, and nothing is compiled here{lines}", hint, origin)
    if "No solution found" in text:
        return _unresolved(said, text, origin, target)
    hint = "UV_CACHE_DIR says where uv keeps its cache" if "initialize cache" in text else ""
    return ToolError(f"uv failed:\n{_indent(said)}", hint, where="uv")


def _unresolved(said: str, text: str, origin: str, target: str) -> BuildError:
    if unknown := _UNKNOWN.search(text):
        message = f"the package index has no {unknown['name']}:\n{_indent(said)}"
        spelling = "look at how it is spelt; a private index is named by `--extra-index-url` in requirements.txt, or in uv's own settings"
        return BuildError(message, spelling, origin)
    if any(need in text for need in ARM64):
        message = f"the requirements keep onnxruntime older than Lambda's arm64 can start ({', '.join(ARM64)}):\n{_indent(said)}"
        return BuildError(message, 'loosen the version, or set architecture = "x86_64" in slsdeploy.toml', origin)
    hint = "loosen a version, or change what else needs it"
    return BuildError(f"the requirements cannot be resolved for {target}:\n{_indent(said)}", hint, origin)


def wheel_of(source: str) -> str:
    """Say how to make a wheel, once, of what is to be had as source only."""
    how = f"`pip wheel --no-deps -w wheels '{source}'`"
    return f"make its wheel: {how}, say `--find-links wheels` in requirements.txt, and ask for it by its name"


def _not_locked(name: str, expected: list[str], found: str, again: str) -> BuildError:
    """Say which hash a file has, and which it was to have; a lock may allow dozens of files for one package."""
    locked = expected[0] if len(expected) == 1 else f"one of {len(expected)} others, {expected[0]} and so on"
    message = f"{name} is not what slsdeploy.lock says: the index has a file with\n  {found}\nlocked is\n  {locked}"
    hint = f"somebody changed the package, the lock or the index; only when that is expected, `{again}`"
    hint += (
        " (hashes that your requirements.txt or uv.lock has must be those of files for the function's platform, too)"
    )
    return BuildError(message, hint, "slsdeploy.lock")


def _without_wheel(text: str) -> str:
    """Return the requirement ("torch==1.13.1") that has no wheel for the target, or "" when that is not the trouble."""
    found = _NO_WHEEL.search(text)
    return f"{found['name']}{found['version']}" if found else ""


def _available(said: str) -> list[str]:
    """Return what uv says that there is."""
    found = [match for pattern in _AVAILABLE for match in pattern.finditer(said)]
    return [
        f"{item['name']} {item['version']} has wheels for {item['kind']} {item['list'].replace('`', '')}"
        for item in found
    ]


def _strip(said: str) -> str:
    """Drop uv's warnings and empty lines."""
    lines = [line.rstrip() for line in said.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("warning:"))


def _indent(said: str) -> str:
    return "\n".join(f"  {line}" for line in said.splitlines()[-_LAST_LINES:])

"""Findings -> SARIF 2.1.0, which GitHub, GitLab and editors read. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub wants of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
Paths are relative to the repository that the project is in (to the project where it is in none), as code scanning wants them.
A configuration that cannot be read is a result too, of the rule "configuration".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from slsdeploy import __version__
from slsdeploy.config import FILE
from slsdeploy.errors import ConfigError, SlsdeployError
from slsdeploy.results import Explained

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
CONFIGURATION = Explained(
    rule="configuration",
    severity="error",
    phase="project",
    summary=f"{FILE} cannot be read.",
    meaning=f"{FILE}, or a file that it names, says something that cannot be.",
    why="Nothing else can be known of the project before.",
    mend="Each problem says what was found and what is expected.",
    example='memory = "512"',
    link="https://toml.io/en/v1.0.0",
)


def document(problems: Sequence[Mapping[str, Any]], rules: Sequence[Explained], root: Path) -> dict[str, Any]:
    """Return the log of one run over the project in the folder `root`. `problems` are those of `results.Checked`."""
    descriptors = [*rules, CONFIGURATION]
    index = {rule.rule: number for number, rule in enumerate(descriptors)}
    top = repository(root.resolve())
    folder = root.resolve().relative_to(top)
    driver = {
        "name": "slsdeploy",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in descriptors],
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {_ROOT: {"uri": f"{top.as_uri().rstrip('/')}/"}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(problem, index[problem["rule"]], folder, seen)
            for problem, seen in zip(problems, _numbered(problems), strict=True)
        ],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def problems_of(error: SlsdeployError) -> list[dict[str, Any]]:
    """Return what is wrong with a configuration, as problems of a run."""
    if isinstance(error, ConfigError) and error.problems:
        told = [(f"{each.key}: {each.message}".removeprefix(": "), each.hint, each.line) for each in error.problems]
    else:
        told = [(error.message, error.hint, 0)]
    return [
        {"rule": "configuration", "severity": "error", "message": message, "hint": hint, "path": FILE, "line": line}
        for message, hint, line in told
    ]


def repository(root: Path) -> Path:
    """Return the top folder of the repository that a folder is in; itself when it is in none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _rule(rule: Explained) -> dict[str, Any]:
    text = "\n\n".join(
        [rule.meaning, f"Why: {rule.why}", f"How to mend it: {rule.mend}", f"What trips it:\n\n{rule.example}"]
    )
    markdown = (
        f"{rule.meaning}\n\n**Why.** {rule.why}\n\n**How to mend it.** {rule.mend}\n\n"
        f"**What trips it:**\n\n```\n{rule.example}\n```\n"
    )
    return {
        "id": rule.rule,
        "name": "".join(word.capitalize() for word in rule.rule.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": text, "markdown": markdown},
        "helpUri": rule.link,
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.phase], "precision": "high", "problem.severity": _severity(rule.severity)},
    }


def _severity(severity: str) -> str:
    """Return GitHub's word."""
    return "recommendation" if severity == "note" else severity


def _result(problem: Mapping[str, Any], index: int, folder: Path, seen: int) -> dict[str, Any]:
    hint = f"\n{problem['hint']}" if problem["hint"] else ""
    key = "\0".join([problem["rule"], problem["path"], problem["message"], str(seen)])
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem["path"], folder), "uriBaseId": _ROOT}}
    if problem["line"]:
        place["region"] = {"startLine": problem["line"]}
    return {
        "ruleId": problem["rule"],
        "ruleIndex": index,
        "level": problem["severity"],
        "message": {"text": problem["message"] + hint},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"slsdeploy/v1": hashlib.sha256(key.encode()).hexdigest()},
    }


def _uri(path: str, folder: Path) -> str:
    """Return the path of a file of the project; of slsdeploy.toml for what is elsewhere, or in no file at all."""
    is_inside = bool(path) and "://" not in path and not PurePosixPath(path).is_absolute()
    return quote((PurePosixPath(folder.as_posix()) / (path if is_inside else FILE)).as_posix())


def _numbered(problems: Iterable[Mapping[str, Any]]) -> list[int]:
    """Tell apart what is found twice in the very same words."""
    seen: dict[tuple[str, str, str], int] = {}
    numbers = []
    for problem in problems:
        key = (problem["rule"], problem["path"], problem["message"])
        seen[key] = seen.get(key, -1) + 1
        numbers.append(seen[key])
    return numbers

"""Findings -> SARIF 2.1.0, which GitHub, GitLab and editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub wants of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
Paths are relative to the repository that the project is in (to the project where it is in none), as code scanning wants them.
A configuration that cannot be read is a result too, of the rule "configuration".

A result with a line gets its `primaryLocationLineHash`, by which GitHub knows it again, from `github/codeql-action/upload-sarif`, which
hashes the lines itself and warns of any other value; it passes over those of a whole file, so these bring one.
https://github.com/github/codeql-action/blob/main/src/fingerprints.ts
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slsdeploy import __version__
from slsdeploy.config import FILE
from slsdeploy.errors import ConfigError, SlsdeployError
from slsdeploy.explaining import CONFIGURATION
from slsdeploy.results.check import Explained

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"


def document(
    problems: Sequence[Mapping[str, Any]], rules: Sequence[Explained], root: Path, stage: str = ""
) -> dict[str, Any]:
    """Return the log of one run over a stage ("": the default one) of the project in the folder `root`.

    `problems` are those of `results.Checked`.
    """
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
    place = "" if folder == Path() else f"{quote(os.fsencode(folder.as_posix()))}/"
    place += f"{quote(stage)}/" if stage else ""
    run = {
        # so that projects and stages of one repository do not replace each other's results
        "automationDetails": {"id": f"slsdeploy/{place}"},
        "tool": {"driver": driver},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the top folder of the repository"}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(problem, index[problem["rule"]], _Place(top, folder, problem), seen)
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


class _Place:
    """Where a problem is: the file, by its path from the top of the repository, and the line (0: the file as a whole).

    That of slsdeploy.toml for what is elsewhere, not there, or built: code scanning wants a file of the repository.
    """

    def __init__(self, top: Path, folder: Path, problem: Mapping[str, Any]) -> None:
        path = problem["path"]
        is_ours = bool(path) and not path.startswith(".slsdeploy/") and not Path(path).is_absolute()
        is_kept = is_ours and (top / folder / path).is_file()
        self.path = folder / (path if is_kept else FILE)
        self.line = int(problem["line"]) if is_kept else 0

    @property
    def location(self) -> dict[str, Any]:
        """Return it in SARIF's words."""
        place: dict[str, Any] = {
            "artifactLocation": {"uri": quote(os.fsencode(self.path.as_posix())), "uriBaseId": _ROOT}
        }
        if self.line:
            place["region"] = {"startLine": self.line}
        return {"physicalLocation": place}


def _result(problem: Mapping[str, Any], index: int, place: _Place, seen: int) -> dict[str, Any]:
    hint = f"\n{problem['hint']}" if problem["hint"] else ""
    key = "\0".join([problem["rule"], problem["path"], problem["message"], str(seen)])
    fingerprints = {"slsdeploy/v1": hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()}
    if not place.line:
        fingerprints["primaryLocationLineHash"] = fingerprints["slsdeploy/v1"]
    return {
        "ruleId": problem["rule"],
        "ruleIndex": index,
        "level": problem["severity"],
        "message": {"text": problem["message"] + hint},
        "locations": [place.location],
        "partialFingerprints": fingerprints,
    }


def _numbered(problems: Iterable[Mapping[str, Any]]) -> list[int]:
    """Tell apart what is found twice in the very same words."""
    seen: dict[tuple[str, str, str], int] = {}
    numbers = []
    for problem in problems:
        key = (problem["rule"], problem["path"], problem["message"])
        seen[key] = seen.get(key, -1) + 1
        numbers.append(seen[key])
    return numbers

"""What this machine remembers of a deployment, in the stage's own folder.

Which version last passed its smoke test, and what a `down` left standing or was interrupted before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from slsdeploy import assets

_FILE = "tested"
_LEFT = "left.json"


def is_tested(work: Path, deployment: str) -> bool:
    """Say whether a deployment (any text that names it) is the one that last passed."""
    try:
        return (work / _FILE).read_text(encoding="utf-8") == deployment
    except (OSError, ValueError):
        return False


def remember_tested(work: Path, deployment: str) -> None:
    """Keep that a deployment passed."""
    assets.write_atomically(work / _FILE, deployment.encode())


def left(work: Path, scope: str) -> set[tuple[str, str]]:
    """Return what is still there of removed stacks: (type, physical id); `scope` names the account and region."""
    try:
        return {
            (type, physical_id) for type, physical_id in json.loads((work / _LEFT).read_text(encoding="utf-8"))[scope]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def remember_left(work: Path, scope: str, resources: Iterable[tuple[str, str]]) -> None:
    """Keep what is still there; another `down` goes on with it."""
    assets.write_atomically(work / _LEFT, json.dumps({scope: sorted(resources)}).encode())

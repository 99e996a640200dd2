"""What this machine remembers of a deployment, in the stage's own folder: which version last passed its smoke test."""

from __future__ import annotations

from pathlib import Path

from slsdeploy import assets

_FILE = "tested"


def is_tested(work: Path, deployment: str) -> bool:
    """Say whether a deployment (any text that names it) is the one that last passed."""
    try:
        return (work / _FILE).read_text(encoding="utf-8") == deployment
    except (OSError, ValueError):
        return False


def remember_tested(work: Path, deployment: str) -> None:
    """Keep that a deployment passed."""
    assets.write_atomically(work / _FILE, deployment.encode())

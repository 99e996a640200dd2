"""A package that says nothing of its licence."""

from __future__ import annotations

from pathlib import Path

from tests import ruling, wheelhouse

write = ruling.write_fast


def wheels(index: Path) -> None:
    wheelhouse.add_wheel(index, "fast", licence="")

"""A module that draws."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

write = ruling.write_fast


def wheels(index: Path) -> None:
    content = elf.shared_object(elf.AARCH64, needs=["libGL.so.1", "libc.so.6"])
    ruling.add_fast(index, content)

"""A wheel that says it is for all machines, and has a module for one."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

write = ruling.write_fast


def wheels(index: Path) -> None:
    content = elf.shared_object(elf.X86_64, needs=["libc.so.6"])
    ruling.add_fast(index, content)

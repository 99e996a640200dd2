"""A module that was linked with glibc 2.38."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

write = ruling.write_fast


def wheels(index: Path) -> None:
    content = elf.shared_object(elf.AARCH64, needs=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.38"]})
    ruling.add_fast(index, content)

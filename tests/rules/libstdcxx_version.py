"""A module that was linked with the C++ library of GCC 15."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

write = ruling.write_fast


def wheels(index: Path) -> None:
    content = elf.shared_object(elf.AARCH64, versions={"libstdc++.so.6": ["GLIBCXX_3.4.34"]})
    ruling.add_fast(index, content)

"""Shared objects to look at in tests, written byte by byte: as much of them as a linker reads, so that no compiler is needed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

X86_64 = 62
AARCH64 = 183
_NEEDED, _STRTAB, _SONAME, _RPATH, _STRSZ, _RUNPATH = 1, 5, 14, 15, 10, 29


class _Strings:
    def __init__(self) -> None:
        self.content = b"\0"

    def add(self, text: str) -> int:
        offset = len(self.content)
        self.content += text.encode() + b"\0"
        return offset


def shared_object(
    machine: int = X86_64,
    *,
    needs: Sequence[str] = (),
    soname: str = "",
    runpath: str = "",
    rpath: str = "",
    versions: Mapping[str, Sequence[str]] | None = None,
    weak: bool = False,
    system: int = 0,
) -> bytes:
    """Return a 64-bit, little-endian ELF with a dynamic segment, and a section of the versions that it needs."""
    strings = _Strings()
    tags = [(_NEEDED, strings.add(name)) for name in needs]
    tags += [
        (tag, strings.add(text)) for tag, text in ((_SONAME, soname), (_RPATH, rpath), (_RUNPATH, runpath)) if text
    ]
    needed = _versions(versions or {}, strings, weak)
    names = b"\0.dynstr\0.gnu.version_r\0.shstrtab\0"
    at_strings = 64 + 2 * 56
    at_dynamic = at_strings + len(strings.content)
    dynamic = b"".join(
        struct.pack("<qQ", *tag) for tag in [*tags, (_STRTAB, at_strings), (_STRSZ, len(strings.content)), (0, 0)]
    )
    at_versions = at_dynamic + len(dynamic)
    at_names = at_versions + len(needed)
    at_sections = at_names + len(names)
    size = at_sections + 4 * 64
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 0x1000)
    segments += struct.pack("<IIQQQQQQ", 2, 6, at_dynamic, at_dynamic, at_dynamic, len(dynamic), len(dynamic), 8)
    sections = bytes(64)
    sections += _section(1, 3, at_strings, len(strings.content))
    sections += _section(9, 0x6FFFFFFE, at_versions, len(needed), link=1, info=len(versions or {}))
    sections += _section(24, 3, at_names, len(names))
    head = b"\x7fELF\x02\x01\x01" + bytes([system]) + bytes(8)
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, at_sections, 0, 64, 56, 2, 64, 4, 3)
    return head + segments + strings.content + dynamic + needed + names + sections


def _section(name: int, kind: int, offset: int, size: int, *, link: int = 0, info: int = 0) -> bytes:
    return struct.pack("<IIQQQQIIQQ", name, kind, 0, offset, offset, size, link, info, 1, 0)


def _versions(wanted: Mapping[str, Sequence[str]], strings: _Strings, weak: bool) -> bytes:
    made = b""
    for index, (library, names) in enumerate(wanted.items()):
        following = 16 + 16 * len(names) if index + 1 < len(wanted) else 0
        made += struct.pack("<HHIII", 1, len(names), strings.add(library), 16, following)
        for place, name in enumerate(names):
            made += struct.pack(
                "<IHHII", 0, 2 if weak else 0, 2, strings.add(name), 16 if place + 1 < len(names) else 0
            )
    return made

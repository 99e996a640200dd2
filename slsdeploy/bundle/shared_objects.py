"""A tree -> what its shared objects say of themselves: for which machine they are, what they link to, and which versions of it they need.

Nothing is loaded. A damaged file is a fact like any other; it is never waited for: who reads it stops after `_PATIENCE` looks at it.
Done once for each part, when it is made: see `tree_facts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

# scipy's OpenBLAS takes 15,000
_PATIENCE = 200_000
_NAMED = re.compile(r"\.(?:so(?:\.[0-9][^/]*)?|dylib|pyd|dll)$", re.IGNORECASE)
# https://docs.python.org/3/c-api/stable.html, https://peps.python.org/pep-3149/
_MODULE = re.compile(r"\.(?:abi3|abi3t|cpython-[^/]+)\.so$")
_MAGIC = {
    b"\x7fELF": "elf",
    b"MZ": "pe",
    # https://developer.apple.com/documentation/kernel/mach_header: both byte orders, 32 and 64 bits; and several in one file
    **dict.fromkeys((b"\xfe\xed\xfa\xce", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe"), "mach-o"),
    **dict.fromkeys((b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"), "mach-o"),
}
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64", "EM_386": "x86"}
_CODE = ("elf", "pe", "mach-o")
_SYSTEMS = ("SYSV", "LINUX")  # Linux's own objects say either
_NUMBERED = re.compile(r"(?P<family>[A-Z]+)_(?P<number>\d+(?:\.\d+)*)$")
_WEAK = 0x2  # VER_FLG_WEAK: https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class SharedObject:
    """A file that is (or is named as) a shared object; `path` is from the tree's root.

    `format` is elf, pe, mach-o, text, empty or unknown; `damage` says why an ELF cannot be read ("" when it can). `machine` is in Lambda's
    words where Lambda has it, and only then: class, byte order and system belong to it. `needs` are the names that it links to, `paths`
    where it looks for them, with $ORIGIN; they are looked into for what it links to, too, when `is_inherited` (DT_RPATH). `versions` are
    the highest of each family that it needs of a library.
    """

    path: str
    format: str
    machine: str = ""
    soname: str = ""
    needs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    is_inherited: bool = False
    versions: tuple[tuple[str, str], ...] = ()
    damage: str = ""

    @property
    def is_module(self) -> bool:
        """Say whether Python imports it, by its name."""
        return bool(_MODULE.search(self.path))


def of_facts(said: Iterable[Mapping[str, Any]]) -> tuple[SharedObject, ...]:
    """Read what was kept of them as JSON."""
    return tuple(
        SharedObject(
            **{
                **each,
                "needs": tuple(each["needs"]),
                "paths": tuple(each["paths"]),
                "versions": tuple((library, version) for library, version in each["versions"]),
            }
        )
        for each in said
    )


def look(folder: Path, files: Iterable[str]) -> Iterator[SharedObject]:
    """Yield what the shared objects among these files of a folder say."""
    for path in files:
        if _NAMED.search(path):
            yield read(folder / path, path)


def sniff(file: Path, path: str, content: bytes) -> SharedObject | None:
    """Look at a file of any name, whose beginning is known: what is machine code counts, however it is called."""
    return read(file, path) if _NAMED.search(path) or _format(content[:4]) in _CODE else None


def read(file: Path, path: str) -> SharedObject:
    """Look at one file, which is told of as `path`."""
    try:
        with file.open("rb") as stream:
            head = stream.read(512)
            found = _format(head)
            return _elf(stream, path) if found == "elf" else SharedObject(path, found)
    except OSError as error:
        return SharedObject(path, "unknown", damage=error.strerror or str(error))


def _format(head: bytes) -> str:
    if not head:
        return "empty"
    known = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
    # a linker's script is text: https://sourceware.org/binutils/docs/ld/Implicit-Linker-Scripts.html
    return known or ("unknown" if b"\0" in head else "text")


class _Impatient:
    """A stream that can be read so many times: loops in it that a damaged file makes endless end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.left = _PATIENCE
        self.seek = stream.seek
        self.tell = stream.tell
        self._read = stream.read

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        if self.left < 0 or size > 2**24:
            raise ValueError("it says more than a shared object has to say")
        return self._read(size)


def _elf(stream: IO[bytes], path: str) -> SharedObject:
    from elftools.elf.elffile import ELFFile  # slow to import, and needed when a part is made only

    try:
        elf = ELFFile(_Impatient(stream))  # type: ignore[arg-type]
        machine = _machine(elf)
        dynamic = _dynamic(elf)
        return SharedObject(path, "elf", machine, versions=_versions(elf), **dynamic)
    except (
        Exception
    ) as error:  # a damaged file makes it raise all there is: KeyError, struct.error, UnicodeDecodeError...
        return SharedObject(path, "elf", damage=str(error).split("\n", 1)[0][:200] or type(error).__name__)


def _machine(elf: ELFFile) -> str:
    found, system = str(elf["e_machine"]), str(elf["e_ident"]["EI_OSABI"]).removeprefix("ELFOSABI_")
    words = [_MACHINES.get(found, found.removeprefix("EM_").lower())]
    words += ["of 32 bits"] if elf.elfclass == 32 else []
    words += [] if elf.little_endian else ["big-endian"]
    words += [] if system in _SYSTEMS else [system]
    return ", ".join(words)


def _dynamic(elf: ELFFile) -> dict[str, Any]:
    from elftools.elf.dynamic import DynamicSegment

    said: dict[str, list[str]] = {"DT_NEEDED": [], "DT_SONAME": [], "DT_RPATH": [], "DT_RUNPATH": []}
    for segment in elf.iter_segments("PT_DYNAMIC"):
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                kind = str(tag.entry.d_tag)
                if kind in said:
                    said[kind].append(str(getattr(tag, kind.removeprefix("DT_").lower()))[:_LONGEST])
    # a RUNPATH makes the RPATH nothing: https://man7.org/linux/man-pages/man8/ld.so.8.html
    where = said["DT_RUNPATH"] or said["DT_RPATH"]
    return {
        "soname": next(iter(said["DT_SONAME"]), ""),
        "needs": tuple(said["DT_NEEDED"]),
        "paths": tuple(path for joined in where for path in joined.split(":") if path),
        "is_inherited": bool(said["DT_RPATH"]) and not said["DT_RUNPATH"],
    }


def _versions(elf: ELFFile) -> tuple[tuple[str, str], ...]:
    """Return the highest version of each family, and those that are none (GLIBC_ABI_DT_RELR)."""
    from elftools.elf.gnuversions import GNUVerNeedSection

    section = next(elf.iter_sections("SHT_GNU_verneed"), None)
    if not isinstance(section, GNUVerNeedSection):
        return ()
    highest: dict[tuple[str, str], str] = {}
    for library, wanted in section.iter_versions():
        for each in wanted:
            name = str(each.name)[:_LONGEST]
            found = _NUMBERED.match(name)
            key = (str(library.name), found["family"] if found else name)
            if not int(each["vna_flags"]) & _WEAK and number(name) >= number(highest.get(key, "")):
                highest[key] = name
    return tuple(sorted((library, name) for (library, _), name in highest.items()))


def number(version: str) -> tuple[int, ...]:
    """Return what a version's name counts: GLIBC_2.34 is (2, 34); () for what counts nothing."""
    found = _NUMBERED.match(version)
    return tuple(int(part[:9]) for part in found["number"].split(".")) if found else ()

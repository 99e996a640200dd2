"""Shared objects as they are: made by a compiler, written by hand, of other systems, damaged."""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from slsdeploy.bundle import shared_objects, tree_facts
from slsdeploy.bundle.shared_objects import SharedObject
from tests import elf


def read(folder: Path, content: bytes, name: str = "lib.so") -> SharedObject:
    (folder / name).write_bytes(content)
    return shared_objects.read(folder / name, name)


def test_what_an_object_says(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        elf.shared_object(
            elf.AARCH64,
            needs=["libc.so.6", "libz.so.1"],
            soname="libown.so.2",
            runpath="$ORIGIN/../own.libs:/usr/lib",
            versions={
                "libc.so.6": ["GLIBC_2.17", "GLIBC_2.4", "GLIBC_2.34", "GLIBC_ABI_DT_RELR"],
                "libm.so.6": ["GLIBC_2.29"],
            },
        ),
    )
    assert found == SharedObject(
        path="lib.so",
        format="elf",
        machine="arm64",
        soname="libown.so.2",
        needs=("libc.so.6", "libz.so.1"),
        paths=("$ORIGIN/../own.libs", "/usr/lib"),
        versions=(("libc.so.6", "GLIBC_2.34"), ("libc.so.6", "GLIBC_ABI_DT_RELR"), ("libm.so.6", "GLIBC_2.29")),
    )


def test_an_old_path_is_the_loaded_ones_too(tmp_path: Path) -> None:
    assert read(tmp_path, elf.shared_object(rpath="$ORIGIN")).is_inherited
    both = read(tmp_path, elf.shared_object(rpath="/old", runpath="/new"))
    assert (both.paths, both.is_inherited) == (("/new",), False)


def test_what_is_only_wished_for_is_not_needed(tmp_path: Path) -> None:
    assert read(tmp_path, elf.shared_object(versions={"libc.so.6": ["GLIBC_2.99"]}, weak=True)).versions == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (elf.shared_object(elf.X86_64), ("elf", "x86_64")),
        (elf.shared_object(elf.X86_64, system=3), ("elf", "x86_64")),
        (elf.shared_object(elf.X86_64, system=9), ("elf", "x86_64, FREEBSD")),
        (elf.shared_object(243), ("elf", "riscv")),
        (b"MZ" + bytes(100), ("pe", "")),
        (b"\xcf\xfa\xed\xfe" + bytes(100), ("mach-o", "")),
        (b"\xca\xfe\xba\xbe" + bytes(100), ("mach-o", "")),
        (b"/* GNU ld script */\nINPUT ( libx.so.1 )\n", ("text", "")),
        (b"", ("empty", "")),
        (b"\0\1\2", ("unknown", "")),
    ],
)
def test_what_a_file_is(tmp_path: Path, content: bytes, expected: tuple[str, str]) -> None:
    found = read(tmp_path, content)
    assert (found.format, found.machine, found.damage) == (*expected, "")


def test_an_object_of_32_bits_and_one_of_another_byte_order(tmp_path: Path) -> None:
    small = (
        b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 3, 40, 1, 0, 52, 0, 0, 52, 32, 0, 40, 0, 0)
    )
    assert read(tmp_path, small).machine == "arm, of 32 bits"
    big = b"\x7fELF\x02\x02\x01" + bytes(9) + struct.pack(">HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0)
    assert read(tmp_path, big).machine == "arm64, big-endian"


def test_a_damaged_object_is_a_fact_and_not_waited_for(tmp_path: Path) -> None:
    whole = elf.shared_object(needs=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.34"]})
    chance = random.Random(1)
    began = time.perf_counter()
    for length in range(4, len(whole), 7):
        assert read(tmp_path, whole[:length]).format == "elf"
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(8):
            damaged[chance.randrange(4, len(whole))] = chance.randrange(256)
        json.dumps(asdict(read(tmp_path, bytes(damaged))))
    assert time.perf_counter() - began < 60


def test_a_file_that_says_more_than_there_is(tmp_path: Path) -> None:
    """65,535 sections; a dynamic segment without an end in a large file; versions that go round in a circle."""
    whole = bytearray(elf.shared_object(needs=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.34"]}))
    many = bytearray(whole)
    many[60:62] = b"\xff\xff"
    endless = (
        bytearray(whole).replace(struct.pack("<qQ", 0, 0), struct.pack("<qQ", 1, 1))
        + struct.pack("<qQ", 1, 1) * 2_000_000
    )
    circle = bytearray(elf.shared_object(versions={"a": ["A_1"], "b": ["B_1"]}))
    at = circle.index(struct.pack("<I", 32), 200)
    circle[at : at + 4] = bytes(4)
    info = circle.rindex(struct.pack("<II", 1, 2))
    circle[info + 4 : info + 8] = b"\xff\xff\xff\x7f"
    began = time.perf_counter()
    for content in (many, endless, circle):
        found = read(tmp_path, bytes(content))
        assert found.damage, found
    assert time.perf_counter() - began < 20


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.so").mkdir()
    (tmp_path / "loop.so").symlink_to("loop.so")
    for name in ("folder.so", "loop.so", "none.so"):
        assert shared_objects.read(tmp_path / name, name).damage


def test_which_files_are_looked_at(tmp_path: Path) -> None:
    names = ["a.so", "b.so.1.2", "c.cpython-313-aarch64-linux-gnu.so", "d.dylib", "e.pyd", "f.dll", "n\new.so"]
    for name in [*names, "g.py", "h.sock", "i.so.py", "so"]:
        (tmp_path / name).write_bytes(elf.shared_object())
    said = tree_facts.find(tmp_path)[tree_facts.OBJECTS]
    assert sorted(each["path"] for each in said) == sorted(names)
    found = shared_objects.of_facts(json.loads(json.dumps(said)))
    assert [each.path for each in found if each.is_module] == ["c.cpython-313-aarch64-linux-gnu.so"]
    assert found == shared_objects.of_facts(said)


def test_machine_code_counts_whatever_its_name(tmp_path: Path) -> None:
    for name, content, is_one in (
        ("tool", elf.shared_object(), True),
        ("a.so", b"text", True),
        ("a.txt", b"text", False),
    ):
        (tmp_path / name).write_bytes(content)
        assert (shared_objects.sniff(tmp_path / name, name, content) is not None) is is_one


@pytest.mark.skipif(shutil.which("gcc") is None or sys.platform != "linux", reason="needs gcc")
def test_what_a_compiler_makes(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(
        '#include <math.h>\n#include <stdio.h>\ndouble f(double x) { puts(""); return pow(x, x); }\n'
    )
    command = ["gcc", "-shared", "-fPIC", "-o", "liba.so.1", "a.c", "-lm", "-Wl,-soname,liba.so.1,-rpath,$ORIGIN/libs"]
    subprocess.run([*command, "-Wl,--no-as-needed"], cwd=tmp_path, check=True, timeout=60)
    found = shared_objects.read(tmp_path / "liba.so.1", "liba.so.1")
    assert (found.format, found.damage, found.soname, found.paths) == ("elf", "", "liba.so.1", ("$ORIGIN/libs",))
    assert set(found.needs) == {"libm.so.6", "libc.so.6"}
    assert dict(found.versions)["libm.so.6"].startswith("GLIBC_2.")

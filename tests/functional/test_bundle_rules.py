"""Bundles as they are built, and what the rules about them say: found when a part is made, never on a build that changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slsdeploy import rules
from slsdeploy.bundle import facts, tree_facts
from slsdeploy.config import FILE
from slsdeploy.rules import Finding
from slsdeploy.types import Bundle
from tests import elf, wheelhouse
from tests.building import House

TOML = 'name = "iris"\nmodel = "iris.onnx"\narchitecture = "arm64"\ninclude = ["lib/*"]\n'
HANDLER = "import fast\n\ndef postprocess(outputs):\n    return outputs\n"
ARM, X86 = elf.AARCH64, elf.X86_64


@pytest.fixture
def fast(house: House) -> House:
    """A project whose handler needs a package with machine code."""
    house.write(FILE, TOML)
    house.write("requirements.txt", "fast\n")
    house.write("handler.py", HANDLER)
    return house


def add(house: House, **files: bytes) -> None:
    named = {name.replace("__", "/").replace("_so", ".so"): content for name, content in files.items()}
    wheelhouse.add_wheel(house.index, "fast", files={"fast/__init__.py": b"", **named})


def findings(house: House, bundle: Bundle, *, local: bool = False) -> list[Finding]:
    project = replace(house.project(), local=local)
    return [
        each for each in rules.run(rules.subject(project, bundle)) if each.severity != "note" or "libr" in each.rule
    ]


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.rule, each.severity) for each in found]


def test_shared_objects_are_told_beside_the_bundle_and_not_read_again(fast: House) -> None:
    add(fast, fast__core_so=elf.shared_object(ARM, needs=["libc.so.6"]))
    (fast.root / "lib").mkdir()
    (fast.root / "lib/libown.so.1").write_bytes(elf.shared_object(ARM, soname="libown.so.1"))
    bundle = fast.build()
    assert {each.path for each in tree_facts.objects(bundle)} == {"opt/python/fast/core.so", "task/lib/libown.so.1"}
    assert findings(fast, bundle) == []
    places = [facts.place(bundle.path, name) for name in ("dependencies", "code")]
    before = [place.stat().st_mtime_ns for place in places]
    assert tree_facts.objects(fast.build()) == tree_facts.objects(bundle)
    assert [place.stat().st_mtime_ns for place in places] == before


def test_a_library_in_the_projects_folder_lib_is_found(fast: House) -> None:
    add(fast, fast__core_so=elf.shared_object(ARM, needs=["libown.so.1", "libc.so.6"]))
    bundle = fast.build()
    assert told(findings(fast, bundle)) == [("missing-library", "warning")]
    (fast.root / "lib").mkdir()
    (fast.root / "lib/libown.so.1").write_bytes(elf.shared_object(ARM))
    assert findings(fast, fast.build()) == []


def test_what_is_missing_is_told_once_for_each_package(fast: House) -> None:
    needy = elf.shared_object(ARM, needs=["libX11.so.6", "libGL.so.1"])
    add(fast, fast__a_so=needy, fast__b_so=needy, other__c_so=elf.shared_object(ARM, needs=["libc.musl-aarch64.so.1"]))
    found = findings(fast, fast.build())
    assert told(found) == [("missing-library", "error"), ("missing-library", "warning")]
    assert "Alpine" in found[0].message
    assert found[1].message.startswith("fast/a.so (and 1 more of fast) links to libX11.so.6, libGL.so.1")
    assert "headless" in found[1].hint


def test_what_lies_elsewhere_in_the_bundle_is_a_note(fast: House) -> None:
    add(fast, fast__core_so=elf.shared_object(ARM, needs=["libx.so"]), other__libx_so=elf.shared_object(ARM))
    (found,) = findings(fast, fast.build())
    assert (found.rule, found.severity) == ("missing-library", "note")
    assert "opt/python/other/libx.so" in found.message


def test_a_base_of_ones_own_is_not_known(fast: House) -> None:
    add(fast, fast__core_so=elf.shared_object(ARM, needs=["libz.so.1"], versions={"libc.so.6": ["GLIBC_2.38"]}))
    bundle = fast.build()
    assert told(findings(fast, bundle)) == [("glibc-version", "error")]
    fast.write(FILE, TOML + 'package = "image"\n[image]\nbase = "debian:trixie"\n')
    upon = replace(bundle, package="image")
    every = rules.run(rules.subject(fast.project(), upon))
    assert {(each.rule, each.severity) for each in every} >= {("glibc-version", "note"), ("missing-library", "note")}


def test_a_local_function_has_this_machines_glibc(fast: House) -> None:
    add(fast, fast__core_so=elf.shared_object(ARM, versions={"libc.so.6": ["GLIBC_2.38"]}))
    assert told(findings(fast, fast.build(), local=True)) == [("glibc-version", "warning")]


def test_packages_that_bring_the_libraries_of_all_systems(fast: House) -> None:
    name = "fast__core.cpython-313-{}_so"
    modules = {name.format("x86_64"): elf.shared_object(X86), name.format("aarch64"): elf.shared_object(ARM)}
    add(fast, **modules, fast__tool_so=elf.shared_object(X86))
    (found,) = findings(fast, fast.build())
    assert (found.rule, found.severity) == ("elf-architecture", "warning")
    assert found.message.startswith("fast/tool.so is made for x86_64")


def test_a_cpp_library_of_ones_own_is_enough(fast: House) -> None:
    needy = elf.shared_object(ARM, needs=["libstdc++.so.6"], versions={"libstdc++.so.6": ["GLIBCXX_3.4.34"]})
    add(fast, fast__core_so=needy, fast__libs_so=elf.shared_object(ARM, soname="libstdc++.so.6"))
    assert findings(fast, fast.build()) == []


def test_damaged_objects_in_a_wheel_stop_no_build(fast: House) -> None:
    whole = elf.shared_object(ARM, needs=["libc.so.6"])
    add(fast, fast__a_so=b"", fast__b_so=whole[:80], fast__c_so=b"INPUT(libm.so)", fast__d_so=whole)
    bundle = fast.build()
    assert findings(fast, bundle) == []
    by_path = {Path(each.path).name: (each.format, bool(each.damage)) for each in tree_facts.objects(bundle)}
    assert by_path == {"a.so": ("empty", False), "b.so": ("elf", True), "c.so": ("text", False), "d.so": ("elf", False)}

"""Which shared objects cannot run where they are to: machine, versions, libraries."""

from __future__ import annotations

import pytest

from slsdeploy.bundle import lambda_libraries, machine_code
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.types import Target

ARM = Target("3.13", "arm64", "aarch64-manylinux_2_34")
MAC = Target("3.13", "arm64", "aarch64-apple-darwin")


def elf(path: str, *needs: str, machine: str = "arm64", paths: tuple[str, ...] = (), **more: object) -> SharedObject:
    return SharedObject(path, "elf", machine, needs=needs, paths=paths, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (elf("task/a.so"), ""),
        (elf("task/a.so", machine="x86_64"), "is made for x86_64"),
        (elf("task/a.so", machine="arm64, big-endian"), "is made for arm64, big-endian"),
        (SharedObject("a.so", "mach-o"), "is made for macOS"),
        (SharedObject("a.pyd", "pe"), "is made for Windows"),
        (SharedObject("a.so", "text"), ""),
        (SharedObject("a.so", "elf", damage="cut"), ""),
    ],
)
def test_what_is_made_for_others(found: SharedObject, expected: str) -> None:
    assert machine_code.misfit(found, ARM) == expected
    assert machine_code.misfit(found, MAC) == ""


def missing(*objects: SharedObject, has_base: bool = True) -> list[tuple[str, str, str]]:
    return [(each.object.path, each.library, each.elsewhere) for each in machine_code.missing(objects, has_base)]


def test_libraries_are_found_where_the_loader_looks() -> None:
    libs = elf("opt/python/fast.libs/libx-1.so.2")
    assert missing(elf("opt/python/fast/a.so", "libx-1.so.2", paths=("$ORIGIN/../fast.libs",)), libs) == []
    assert missing(elf("opt/python/fast/a.so", "libx-1.so.2", paths=("${ORIGIN}/../fast.libs/",)), libs) == []
    assert missing(elf("opt/python/fast/a.so", "libx-1.so.2", paths=("/opt/python/fast.libs",)), libs) == []
    assert missing(elf("task/a.so", "libown.so"), elf("task/lib/libown.so")) == []
    assert missing(elf("task/a.so", "libown.so"), elf("opt/lib/libown.so")) == []
    found = missing(elf("opt/python/fast/a.so", "libx-1.so.2"), libs)
    assert found == [("opt/python/fast/a.so", "libx-1.so.2", "opt/python/fast.libs/libx-1.so.2")]


def test_an_old_path_holds_for_what_is_linked_to_as_well() -> None:
    first = elf("opt/python/a/a.so", "libb.so", paths=("$ORIGIN",), is_inherited=True)
    chain = [first, elf("opt/python/a/libb.so", "libc-own.so"), elf("opt/python/a/libc-own.so")]
    assert missing(*chain) == []


def test_what_the_base_has_is_not_missing() -> None:
    needs = (
        "libc.so.6",
        "libstdc++.so.6",
        "libgcc_s.so.1",
        "ld-linux-aarch64.so.1",
        "libz.so.1",
        "libssl.so.3",
        "libpython3.13.so.1.0",
    )
    assert missing(elf("task/a.so", *needs)) == []
    found = missing(elf("task/a.so", *needs), has_base=False)
    assert [library for _, library, _ in found] == ["libz.so.1", "libssl.so.3", "libpython3.13.so.1.0"]


def test_what_nobody_has_is_missing() -> None:
    assert missing(elf("task/a.so", "libGL.so.1", "libssl.so.1.1")) == [
        ("task/a.so", "libGL.so.1", ""),
        ("task/a.so", "libssl.so.1.1", ""),
    ]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ((("libc.so.6", "GLIBC_2.34"), ("libm.so.6", "GLIBC_2.9")), []),
        ((("libc.so.6", "GLIBC_2.35"),), [("libc.so.6", "GLIBC_2.35")]),
        ((("libc.so.6", "GLIBC_2.4.1"), ("libc.so.6", "GLIBC_PRIVATE")), []),
        ((("libc.so.6", "GLIBC_ABI_DT_RELR"),), [("libc.so.6", "GLIBC_ABI_DT_RELR")]),
        ((("libstdc++.so.6", "GLIBCXX_3.4.30"), ("libtiff.so", "LIBTIFF_99.0")), []),
    ],
)
def test_versions_above_lambdas(versions: tuple[tuple[str, str], ...], expected: list[tuple[str, str]]) -> None:
    assert machine_code.too_new(elf("a.so", versions=versions), ("GLIBC",)) == expected


def test_the_cpp_library_has_versions_of_its_own() -> None:
    at_most = elf("a.so", versions=(("libstdc++.so.6", "GLIBCXX_3.4.33"), ("libstdc++.so.6", "CXXABI_1.3.15")))
    above = elf("a.so", versions=(("libstdc++.so.6", "GLIBCXX_3.4.34"), ("libstdc++.so.6", "CXXABI_1.3.16")))
    assert machine_code.too_new(at_most, ("GLIBCXX", "CXXABI")) == []
    assert len(machine_code.too_new(above, ("GLIBCXX", "CXXABI"))) == 2


def test_names_that_people_know() -> None:
    assert machine_code.own(elf("opt/python/numpy/core/x.so")) == "numpy/core/x.so"
    assert machine_code.own(elf("task/lib/x.so")) == "lib/x.so"
    assert machine_code.package(elf("opt/python/numpy.libs/x.so")) == "numpy"
    assert machine_code.package(elf("task/x.abi3.so")) == "x"
    assert machine_code.stem("a/b.cpython-313-x86_64-linux-gnu.so") == machine_code.stem("a/b.abi3.so") == "a/b"


def test_remedies() -> None:
    assert "headless" in lambda_libraries.remedy("libGL.so.1") and "headless" in lambda_libraries.remedy("libX11.so.6")
    assert "GPU" in lambda_libraries.remedy("libcudart.so.12") and "GPU" in lambda_libraries.remedy("libcuda.so.1")
    assert lambda_libraries.remedy("libGLxyz.so") == lambda_libraries.remedy("libfoo.so.1") == ""
    assert lambda_libraries.is_musls("libc.musl-aarch64.so.1") and not lambda_libraries.is_musls("libc.so.6")

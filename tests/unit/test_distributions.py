"""What installed packages say of themselves, and what of it is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slsdeploy.bundle import distributions
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.bundle.lock import Package, Section

HASHES = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


def section(*requirements: str) -> Section:
    return Section("3.13", "x86_64-manylinux_2_34", "d", tuple(Package(each, HASHES) for each in requirements))


def install(folder: Path, name: str, metadata: str | bytes | None, **files: str) -> Path:
    info = folder / f"{name}.dist-info"
    info.mkdir(parents=True)
    if metadata is not None:
        content = metadata if isinstance(metadata, bytes) else metadata.encode()
        (info / "METADATA").write_bytes(content)
    for path, text in files.items():
        (info / path).parent.mkdir(parents=True, exist_ok=True)
        (info / path).write_text(text, encoding="utf-8")
    return info


def only(folder: Path, locked: Section | None = None) -> Distribution:
    (found,) = distributions.read(folder, locked or section())
    return found


def test_a_package_is_told_with_all_that_it_says(tmp_path: Path) -> None:
    metadata = "Metadata-Version: 2.4\nName: Big.Model\nVersion: 1.2\nLicense-Expression: MIT AND Apache-2.0\nLicense-File: LICENSE\n"
    needs = 'Requires-Dist: numpy>=2\nRequires-Dist: tqdm; extra == "more"\n'
    record = "big/__init__.py,,\nbig/deep/a.py,,\nsingle.py,,\n_fast.cpython-313.so,,\nbig_model-1.2.dist-info/RECORD,,\n../../bin/run,,\n"
    wheel = "Wheel-Version: 1.0\nTag: cp313-cp313-manylinux_2_27_x86_64\nTag: cp313-cp313-manylinux_2_28_x86_64\n"
    info = install(tmp_path, "big_model-1.2", metadata + needs, RECORD=record, WHEEL=wheel)
    (info / "licenses").mkdir()
    (info / "licenses" / "LICENSE").write_text("x")
    assert only(tmp_path, section("big-model==1.2", "other==1")) == Distribution(
        name="Big.Model",
        version="1.2",
        licences=("MIT AND Apache-2.0",),
        licence_files=("licenses/LICENSE",),
        tags=("cp313-cp313-manylinux_2_27_x86_64", "cp313-cp313-manylinux_2_28_x86_64"),
        hashes=HASHES,
        modules=("_fast", "big", "single"),
        requires=("numpy>=2", 'tqdm; extra == "more"'),
    )


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    install(tmp_path, "a-1", "Name: a\nVersion: 1\nLicense: MIT\nRequires-Dist: b\n")
    install(tmp_path, "b-1", "Name: b\nVersion: 1\n")
    found = distributions.read(tmp_path, section("a==1"))
    assert distributions.of_facts(distributions.facts(found)) == found
    assert distributions.of_facts({}) == ()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("License-Expression: MIT\nLicense: GPL\n", ("MIT",)),
        ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: MIT License\n", ("BSD-3-Clause",)),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", ("MIT License",)),
        ("Classifier: License :: OSI Approved\n", ()),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: BSD License\n",
            ("MIT License", "BSD License"),
        ),
        ("License: Copyright (c)\n        Permission is granted\n", ()),
        (f"License: {'may ' * 60}\n", ()),
        ("License: \nLicense-Expression:   \n", ()),
        ("Classifier: Programming Language :: Python\n", ()),
        ("", ()),
    ],
)
def test_licences(tmp_path: Path, said: str, expected: tuple[str, ...]) -> None:
    install(tmp_path, "a-1", f"Name: a\nVersion: 1\n{said}")
    assert only(tmp_path).licences == expected


@pytest.mark.parametrize(
    "metadata",
    [None, b"", b"\xff\xfe\x00broken", b"\n\nName: no header\n", b"Name\nVersion\n", b"Name: \nVersion:\n"],
    ids=["missing", "empty", "no text", "body only", "no values", "blank"],
)
def test_a_package_without_metadata_has_the_name_of_its_folder(tmp_path: Path, metadata: bytes | None) -> None:
    install(tmp_path, "odd_one-2.0", metadata)
    found = only(tmp_path, section("odd-one==2.0"))
    assert (found.name, found.version, found.hashes) == ("odd_one", "2.0", HASHES)


def test_broken_encodings_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    install(tmp_path, "a-1", b"Name: a\nVersion: 1\nAuthor: J\xf6rg\nLicense: MIT\n")
    assert only(tmp_path).licences == ("MIT",)


def test_a_package_that_is_there_twice_is_told_twice(tmp_path: Path) -> None:
    install(tmp_path, "a-1.0", "Name: a\nVersion: 1.0\n")
    install(tmp_path, "a-2.0", "Name: a\nVersion: 2.0\n")
    assert [each.version for each in distributions.read(tmp_path, section())] == ["1.0", "2.0"]


def test_licence_files_lie_in_the_package(tmp_path: Path) -> None:
    named = "License-File: ../../secret\nLicense-File: /etc/hostname\nLicense-File: gone\nLicense-File: a\0b\n"
    info = install(tmp_path / "packages", "a-1", f"Name: a\nVersion: 1\n{named}", LICENSE="x", NOTICE="y")
    (tmp_path / "secret").write_text("x")
    (info / "licenses" / "deep").mkdir(parents=True)
    (info / "licenses" / "deep" / "MIT.txt").write_text("x")
    assert only(tmp_path / "packages").licence_files == ("LICENSE", "NOTICE", "licenses/deep/MIT.txt")


def test_without_a_record_modules_are_what_top_level_says(tmp_path: Path) -> None:
    install(tmp_path, "a-1", "Name: a\nVersion: 1\n", **{"top_level.txt": "one\ntwo\nnot-a-name\n"})
    assert only(tmp_path).modules == ("one", "two")


def test_a_damaged_record_ends_nothing(tmp_path: Path) -> None:
    install(tmp_path, "a-1", "Name: a\nVersion: 1\n", RECORD='a/b.py,,\n"' + "x" * 200_000 + "\n")
    assert only(tmp_path).modules == ("a",)


def test_requirements_that_nobody_understands_have_no_hashes(tmp_path: Path) -> None:
    install(tmp_path, "a-1", "Name: a\nVersion: 1\n")
    assert only(tmp_path, section("???", "a @ https://example.com/a-1-py3-none-any.whl")).hashes == HASHES


def test_folders_that_name_nothing_are_no_packages(tmp_path: Path) -> None:
    install(tmp_path, "", None)
    (tmp_path / "file-1.dist-info").write_text("no folder")
    assert distributions.read(tmp_path, section()) == ()


def test_a_folder_whose_name_is_no_text_has_one_all_the_same(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/a\xff-1.dist-info")  # noqa: PTH102
    assert only(tmp_path).name == "a\ufffd"

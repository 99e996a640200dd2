"""slsdeploy.lock: written and read again, one section a target, and errors when it is damaged."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slsdeploy.bundle import lock
from slsdeploy.bundle.lock import Package, Section
from slsdeploy.errors import ProjectError
from slsdeploy.types import PinnedFile, S3Object, S3Origin

UV = """\
numpy==2.4.6 \\
    --hash=sha256:bb \\
    --hash=sha256:aa
# a comment
sprocket[gear]==1.0 ; sys_platform == 'linux' and extra == "x" \\
    --hash=sha256:cc
"""
ARM = Section("3.13", "aarch64-manylinux_2_34", "d1", lock.parse(UV))
X86 = Section("3.12", "x86_64-manylinux_2_34", "d2", (Package("numpy==2.4.6", ("sha256:aa",)),))


def test_uvs_requirements_are_understood() -> None:
    assert lock.parse(UV) == (
        Package("numpy==2.4.6", ("sha256:aa", "sha256:bb")),
        Package("sprocket[gear]==1.0 ; sys_platform == 'linux' and extra == \"x\"", ("sha256:cc",)),
    )


def test_sections_come_back_as_they_were_written(tmp_path: Path) -> None:
    lock.write(tmp_path, ARM)
    lock.write(tmp_path, X86)
    sections = lock.read(tmp_path)
    assert sections == (X86, ARM)
    assert lock.find(sections, "3.13", "aarch64-manylinux_2_34") == ARM
    assert lock.find(sections, "3.14", "aarch64-manylinux_2_34") is None
    tomllib.loads((tmp_path / lock.FILE).read_text())


def test_a_section_replaces_the_one_of_its_target(tmp_path: Path) -> None:
    lock.write(tmp_path, ARM)
    newer = Section(ARM.python, ARM.platform, "d3", ())
    lock.write(tmp_path, newer)
    assert lock.read(tmp_path) == (newer,)


def test_the_order_of_writing_does_not_show(tmp_path: Path) -> None:
    for name, order in (("a", (ARM, X86)), ("b", (X86, ARM))):
        for section in order:
            lock.write(tmp_path / name, section)
    assert (tmp_path / "a" / lock.FILE).read_bytes() == (tmp_path / "b" / lock.FILE).read_bytes()


def test_pinned_models_come_back_as_they_were_written_beside_all_else(tmp_path: Path) -> None:
    lock.write(tmp_path, ARM)
    lock.put(tmp_path, "prepared", [{"model": "iris", "ratio": 0.5, "is_best": True, "by": {"size": 3}}])
    name = 'a "b".onnx'
    pinned = PinnedFile(name, S3Object("weights", name, "v", '"e"', 7), "d")
    pin = S3Origin("weights", name, "eu-west-1", (pinned,))
    lock.write_pins(tmp_path, [pin])
    lock.write(tmp_path, X86)
    assert lock.read_pins(tmp_path) == (pin,)
    assert lock.read(tmp_path) == (X86, ARM)
    found = tomllib.loads((tmp_path / lock.FILE).read_text())
    assert found["prepared"] == [{"model": "iris", "ratio": 0.5, "is_best": True, "by": {"size": 3}}]
    lock.write_pins(tmp_path, [])
    assert "model" not in tomllib.loads((tmp_path / lock.FILE).read_text())


def test_a_damaged_pin_is_an_error(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text('version = 1\n[[model]]\nuri = "s3://b/k"\n')
    with pytest.raises(ProjectError, match=r"^slsdeploy\.lock cannot be read"):
        lock.read_pins(tmp_path)


def test_a_section_installs_with_its_hashes() -> None:
    assert ARM.text.splitlines()[0] == "numpy==2.4.6 --hash=sha256:aa --hash=sha256:bb"


def test_no_file_has_no_sections(tmp_path: Path) -> None:
    assert lock.read(tmp_path) == ()


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD\n", "", "version = 1\ntarget = 3\n", "version = 1\n[[target]]\npython = '3.13'\n", "\x00"]
)
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / lock.FILE).write_text(text)
    with pytest.raises(ProjectError, match=r"slsdeploy.lock cannot be read") as raised:
        lock.read(tmp_path)
    assert "delete" in raised.value.hint


def test_a_newer_file_is_said(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("version = 2\n")
    with pytest.raises(ProjectError, match="version 2"):
        lock.read(tmp_path)


def test_two_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from slsdeploy.bundle import lock\n"
        "for number in range(40): lock.write(Path(sys.argv[1]), lock.Section(str(number), sys.argv[2], 'd', ()))"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen([*argv, platform]) for platform in ("arm", "x86")]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(lock.read(tmp_path)) == 80
    assert {path.name for path in tmp_path.iterdir()} == {lock.FILE, ".slsdeploy"}
    assert (tmp_path / ".slsdeploy" / ".gitignore").is_file()


def fail(folder: Path, *written: Section) -> None:
    with lock.forgetting(folder, set(), sections=True):
        assert lock.read(folder) == ()
        for section in written:
            lock.write(folder, section)
        raise KeyboardInterrupt


def test_what_fails_puts_back_what_it_took_out_and_leaves_what_came_meanwhile(tmp_path: Path) -> None:
    lock.write(tmp_path, ARM)
    before = (tmp_path / lock.FILE).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path)
    assert (tmp_path / lock.FILE).read_bytes() == before
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path, X86)  # as another stage does
    assert lock.read(tmp_path) == (X86, ARM)

"""Tags of wheels against targets; packages that lie in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.bundle import wheel_tags
from slsdeploy.bundle.wheel_tags import Vendored
from slsdeploy.types import Target

ARM = wheel_tags.supported(Target("3.13", "arm64", "aarch64-manylinux_2_34"))


@pytest.mark.parametrize(
    ("tag", "is_fit"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp313-cp313-manylinux_2_28_aarch64", True),
        ("cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64", True),
        ("cp39-abi3-manylinux_2_34_aarch64", True),
        ("py3-none-manylinux2014_aarch64", True),
        ("cp313-cp313-linux_aarch64", True),
        ("cp313-cp313-manylinux_2_35_aarch64", False),
        ("cp313-cp313-manylinux_2_28_x86_64", False),
        ("cp312-cp312-manylinux_2_28_aarch64", False),
        ("cp313-cp313t-manylinux_2_28_aarch64", False),
        ("cp314-abi3-manylinux_2_28_aarch64", False),
        ("cp313-cp313-musllinux_1_2_aarch64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
        ("cp313-cp313-win_arm64", False),
        ("nonsense", False),
    ],
)
def test_what_runs_on_lambda(tag: str, is_fit: bool) -> None:
    assert wheel_tags.fits([tag], ARM) is is_fit


def test_a_mac_is_not_judged() -> None:
    assert wheel_tags.supported(Target("3.13", "arm64", "aarch64-apple-darwin")) == frozenset()


def test_packages_beside_the_files_that_ship(tmp_path: Path) -> None:
    for name, record in (
        ("fast", "fast/core.py,,\nfast-1.0.dist-info/WHEEL,,\n"),
        ("gone", "gone/core.py,,\n"),
        ("bare", ""),
    ):
        info = tmp_path / "vendor" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "WHEEL").write_bytes(b"Wheel-Version: 1.0\nTag: cp313-cp313-win_amd64\ntag:py3-none-any\n\xff\xfe\n")
        (info / "RECORD").write_text(record)
    files = [Path("vendor/fast/core.py"), Path("handler.py")]
    found = list(wheel_tags.vendored(tmp_path, files))
    tags = ("cp313-cp313-win_amd64", "py3-none-any")
    assert found == [
        Vendored("bare", tags, "vendor/bare-1.0.dist-info/WHEEL", ()),
        Vendored("fast", tags, "vendor/fast-1.0.dist-info/WHEEL", ("vendor/fast/",)),
    ]

"""Folders of installed packages to slim in tests: a few files of each, with the records that an installer writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slsdeploy.bundle.slim import installed, selecting
from slsdeploy.bundle.slim.wish import Wish
from slsdeploy.types import Target

AUTO = Wish("auto")
TARGET = Target("3.13", "arm64", "aarch64-manylinux_2_34")


def install(
    root: Path, name: str, files: Mapping[str, str | bytes], needs: Sequence[str] = (), version: str = "1.0"
) -> Path:
    """Write a package's files, its metadata and its RECORD."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    whole: dict[str, str | bytes] = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\n",
        f"{info}/INSTALLER": "uv",
    }
    whole[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*whole, f"{info}/RECORD"])
    for path, content in whole.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def selected(root: Path, wish: Wish = AUTO) -> dict[str, list[str]]:
    """Return what would go, by cut and package."""
    found: dict[str, list[str]] = {}
    for piece in selecting.select(installed.read(root, TARGET, wish.extras), wish):
        found.setdefault(piece.id, []).extend(piece.files)
    return {id: sorted(files) for id, files in found.items()}


def gone(root: Path, cut: str, wish: Wish = AUTO) -> list[str]:
    """Return what one cut would take, of all packages."""
    return sorted(path for id, files in selected(root, wish).items() if id.startswith(f"{cut}/") for path in files)

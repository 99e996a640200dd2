"""A package index in a folder: tiny wheels made on the spot, so that builds run through the real uv without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    import pytest

# What the runtime needs, in name only.
RUNTIME = {"numpy": "2.4.6", "onnxruntime": "1.31.1", "aws-lambda-powertools": "3.37.0", "orjson": "3.13.0"}


def add_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    needs: Sequence[str] = (),
    metadata: bytes | None = None,
    licence: str = "MIT",
) -> Path:
    """Write a wheel with these files; by default one module of the package's name."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    said = f"License-Expression: {licence}\n" if licence else ""
    requires = said + "".join(f"Requires-Dist: {need}\n" for need in needs)
    content = {
        **(files if files is not None else {f"{module}/__init__.py": f'VERSION = "{version}"\n'.encode()}),
        f"{info}/METADATA": metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in content).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with ZipFile(path, "w") as wheel:
        for file, data in content.items():
            wheel.writestr(file, data)
    return path


def add_runtime(folder: Path) -> Path:
    """Write the wheels that every bundle needs."""
    for name, version in RUNTIME.items():
        add_wheel(folder, name, version)
    return folder


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have uv know nothing but an index with the wheels that every bundle needs, and keep caches in the folder, too; return the index."""
    index = add_runtime(folder / "index")
    for name, value in environment(index, folder / "uv").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(folder / "cache"))
    return index


def environment(folder: Path, scratch: Path) -> dict[str, str]:
    """Return the variables with which uv knows nothing but the folder, and has a cache of its own."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "uv.toml").write_text(f"no-index = true\nfind-links = [{str(folder)!r}]\n", encoding="utf-8")
    return {"UV_CONFIG_FILE": str(scratch / "uv.toml"), "UV_CACHE_DIR": str(scratch / "cache")}


def digest(path: Path) -> str:
    """Return the sha256 of a file (hex)."""
    return sha256(path.read_bytes()).hexdigest()


def files_below(folder: Path) -> list[str]:
    """List a folder's files, relative, sorted."""
    found = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    return sorted(path.relative_to(folder).as_posix() for path in found)

"""The layers of images: the tar that tarfile would write, gzip that anybody reads, digests of both."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from slsdeploy.bundle import layer, tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.types import PartName

LONG = "/".join(["a folder of forty characters, or about it"] * 4)
FILES = {
    "task/handler.py": b"x = 1\n",
    "task/empty": b"",
    f"task/{LONG}/é.txt": b"e" * 512,
    "opt/models/large.bin": bytes(range(256)) * 10_000,
    "opt/models/larger.bin": b"\0" * 3_000_001,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_bytes(content)
    (tmp_path / "tree/task/handler.py").chmod(0o755)
    return tmp_path / "tree"


def made(root: Path, name: PartName = "dependencies") -> layer.Layer:
    files = tree.walk(root)
    return layer.layer_of(Kept(name, root.parent, "", len(files), sum(file.bytes for file in files), ()))


def folders(path: str, known: set[str]) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if folder not in known:
            known.add(folder)
            yield folder


def by_tarfile(root: Path) -> bytes:
    stream, known = io.BytesIO(), {"var", "var/task"}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(FILES):
            for folder in folders(f"var/{path}", known):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            entry = tarfile.TarInfo(f"var/{path}")
            entry.mode, entry.size = 0o755 if path == "task/handler.py" else 0o644, len(FILES[path])
            archive.addfile(entry, io.BytesIO(FILES[path]))
    return stream.getvalue()


@pytest.mark.parametrize("name", ["dependencies", "model"])
def test_it_is_what_tarfile_writes_gzipped(root: Path, name: PartName) -> None:
    found = made(root, name)
    blob, tar = found.path.read_bytes(), by_tarfile(root)
    assert gzip.decompress(blob) == tar
    assert (found.bytes, found.digest) == (len(blob), f"sha256:{sha256(blob).hexdigest()}")
    assert found.diff_id == f"sha256:{sha256(tar).hexdigest()}"


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("dependencies", "7f0731b53765de497a7c4ecd6d44d649e895ab6598edd859f6b9f82af00cf186"),
        ("model", "3b2c0b2ff688d570693cbb85b445a3626b78a6a5b1467963e9dd1fbe9a1b7784"),
    ],
)
def test_the_bytes_are_known(root: Path, name: PartName, digest: str) -> None:
    """The same on every machine that runs this: they change only with the compressor's version, which is pinned."""
    assert made(root, name).digest == f"sha256:{digest}"


def test_a_file_that_becomes_shorter_is_no_layer(root: Path) -> None:
    files = tree.walk(root)
    (root / files[0].path).write_bytes(b"")
    with pytest.raises(OSError, match="has become shorter"):
        list(layer._content(root / files[0].path, files[0].bytes))

"""What is packed by threads while something else goes on: the same bytes, nothing left behind, and the errors that were always said."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from slsdeploy.assets import cache_dir
from slsdeploy.bundle import record
from slsdeploy.config import FILE
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ToolError
from slsdeploy.tools import Completed
from slsdeploy.types import Bundle
from tests import bases
from tests.building import HANDLER, House
from tests.fakes import MeddlingShell

TOML = 'name = "iris"\nmodel = "iris.onnx"\nhandler = "handler"\npackage = "{}"\n'


@pytest.fixture(params=["layer", "zip", "image"])
def project(request: pytest.FixtureRequest, house: House) -> House:
    house.write(FILE, TOML.format(request.param))
    house.write("handler.py", HANDLER)
    bases.add(house.registry)
    return house


def digests(bundle: Bundle) -> dict[str, str]:
    return {archive.name: sha256(archive.path.read_bytes()).hexdigest() for archive in bundle.archives}


def drafts() -> list[Path]:
    return [path for path in cache_dir().rglob(".*") if path.name.startswith((".draft", ".part-", ".layer-"))]


def test_a_build_that_was_interrupted_leaves_nothing_and_its_rerun_makes_the_same(
    project: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(argv: Sequence[str], done: Completed) -> Completed:
        raise KeyboardInterrupt

    threads = set(threading.enumerate())
    whole = digests(project.build(local=True))
    shutil.rmtree(project.root / ".slsdeploy")
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "empty"))
    project.shell = MeddlingShell("import_handler.py", interrupt)  # packing has begun by then
    with pytest.raises(KeyboardInterrupt):
        project.build(local=True)
    assert set(threading.enumerate()) == threads
    assert drafts() == []
    project.shell = SystemShell()
    assert digests(project.build(local=True)) == whole


def test_a_full_disk_is_said_whichever_thread_wrote(project: House) -> None:
    made = project.build(local=True)
    whole = digests(made)
    (made.path / record.FILE).unlink()
    (folder,) = (cache_dir() / "parts").glob("runtime-*")
    for name in ("part.zip", "layer.tar.gz"):
        (folder / name).unlink(missing_ok=True)
    written = "layer-{}" if made.image else "part-{}.zip"
    (folder / f".{written.format(os.getpid())}").symlink_to("/dev/full")
    with pytest.raises(ToolError) as raised:
        project.build(local=True)
    assert raised.value.message == "cannot write: No space left on device"
    assert drafts() == []
    assert digests(project.build(local=True)) == whole

"""What functional tests start from."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slsdeploy.config import FILE
from tests import wheelhouse
from tests.building import House, save_model
from tests.desk import Desk
from tests.desk import make as make_desk


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    index = wheelhouse.use(tmp_path, monkeypatch)
    (tmp_path / "iris").mkdir()
    save_model(tmp_path / "iris" / "iris.onnx")
    made = House(tmp_path / "iris", index)
    made.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\n')
    return made


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[House], None]]:
    """Move a project to where nothing is as it was: another folder, without what was built or cached, another time zone and umask."""
    before = os.umask(0)
    os.umask(before)

    def move(house: House) -> None:
        house.root = house.root.rename(tmp_path / "in another place")
        shutil.rmtree(house.root / ".slsdeploy")
        monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "new cache"))
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        os.umask(0o077)

    yield move
    os.umask(before)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A project and an account in memory."""
    return make_desk(tmp_path, monkeypatch)

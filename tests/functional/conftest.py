"""What functional tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.config import FILE
from tests import wheelhouse
from tests.building import House, save_model
from tests.desk import Desk
from tests.desk import make as make_desk


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    index = wheelhouse.add_runtime(tmp_path / "index")
    for name, value in wheelhouse.environment(index, tmp_path / "uv").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "iris").mkdir()
    save_model(tmp_path / "iris" / "iris.onnx")
    made = House(tmp_path / "iris", index)
    made.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\n')
    return made


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A project and an account in memory."""
    return make_desk(tmp_path, monkeypatch)

"""`handler = "app:app"`: what is checked of an ASGI application before it is deployed, and what its bundle gets beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slsdeploy.bundle import import_handler
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError
from slsdeploy.interpreters import host_minor
from slsdeploy.project import host_platform
from tests import wheelhouse
from tests.building import House, contents

APP = "async def app(scope, receive, send):\n    ...\n"
HERE, THERE = True, False


@pytest.fixture
def applied(house: House) -> House:
    wheelhouse.add_wheel(house.index, "mangum", "0.22.0")
    house.write("app.py", APP)
    set_handler(house, "app:app")
    return house


def set_handler(house: House, handler: str) -> None:
    """Make sure that AWS's target is not this machine's: locally the module is imported for real, else its source is read."""
    foreign = "x86_64" if host_platform().startswith("aarch64") else "arm64"
    python = host_minor() if host_minor() in ("3.12", "3.13", "3.14") else "3.13"
    lines = ['name = "iris"', 'model = "iris.onnx"', f'architecture = "{foreign}"', f'python = "{python}"']
    house.write(FILE, "\n".join([*lines, f'handler = "{handler}"', ""]))


@pytest.mark.parametrize("local", [HERE, THERE])
def test_its_bundle_has_mangum_and_names_it(applied: House, local: bool) -> None:
    bundle = applied.build(local=local)
    assert "opt/python/mangum/__init__.py" in contents(bundle)
    assert json.loads((bundle.path / "task" / "slsdeploy.json").read_text())["handler"] == "app:app"


def test_others_do_not_have_it(applied: House) -> None:
    applied.write("plain.py", "def preprocess(request):\n    return {}\n")
    set_handler(applied, "plain")
    assert not [path for path in contents(applied.build()) if "mangum" in path]


@pytest.mark.parametrize("local", [HERE, THERE])
def test_an_application_that_is_not_there_is_named(applied: House, local: bool) -> None:
    set_handler(applied, "app:ap")
    with pytest.raises(BuildError, match=r"app\.py has no application 'ap', which `handler` names") as raised:
        applied.build(local=local)
    assert raised.value.hint == "did you mean app?"


def test_one_that_cannot_be_called_is_found_where_it_can_be_imported(applied: House) -> None:
    applied.write("app.py", "app = 5\n")
    with pytest.raises(BuildError, match="has no application 'app'"):
        applied.build(local=HERE)


@pytest.mark.parametrize("local", [HERE, THERE])
@pytest.mark.parametrize(
    "source",
    [
        "from elsewhere import app\n",
        "from elsewhere import *\n",
        "class Application:\n    async def __call__(self, scope, receive, send):\n        ...\n\napp = Application()\n",
    ],
)
def test_it_may_come_from_anywhere(applied: House, local: bool, source: str) -> None:
    applied.write("elsewhere.py", APP)
    applied.write("app.py", source)
    assert applied.build(local=local).digest


def test_a_module_that_asks_for_the_model_at_once_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asks_at_once.py").write_text("from slsdeploy_runtime import get_model\nMODEL = get_model()\n" + APP)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert import_handler.answer("asks_at_once") == {"skipped": "slsdeploy_runtime"}

"""Two commands of a stage at the same time: one waits where it would take the bundle away from the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from slsdeploy import app
from slsdeploy.tools import Tools
from tests.desk import Desk
from tests.fakes import FakeReporter


class Waiting(FakeReporter):
    """Says when somebody waits for something."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    @contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        if "wait for another" in title:
            self.waits.set()
        yield


@pytest.mark.parametrize("command", [app.plan, app.template], ids=["plan", "template"])
def test_what_builds_waits_for_a_deployment(desk: Desk, command: Callable[[app.Where, Tools], object]) -> None:
    app.plan(desk.where, desk.tools)
    beside = Waiting()
    tools = Tools(desk.tools.shell, beside, desk.tools.connect, desk.tools.images)
    other = threading.Thread(target=command, args=(desk.where, tools))
    publish = desk.cloud.publish_layer

    def slowly(*given: object) -> int:
        if not other.ident:
            (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return list(outputs)\n")
            other.start()
            assert beside.waits.wait(20)
        return publish(*given)  # type: ignore[arg-type]

    desk.cloud.publish_layer = slowly  # type: ignore[method-assign, assignment]
    assert app.up(desk.where, desk.tools).changed
    other.join(60)
    assert not other.is_alive()

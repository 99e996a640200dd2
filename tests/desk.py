"""A project, an account in memory, and what the user was told: for tests of whole commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.app import Where
from slsdeploy.effects.shell import SystemShell
from slsdeploy.tools import Tools
from tests import wheelhouse
from tests.building import save_model
from tests.fakes import FakeCloud, FakeReporter

TOML = 'name = "iris"\nmodel = "iris.onnx"\n\n[[trigger]]\ntype = "http"\n'


class Desk:
    """A project of its own; `where` is its stage dev."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cloud = FakeCloud()
        self.reporter = FakeReporter()
        self.tools = Tools(SystemShell(), self.reporter, lambda _: self.cloud, self.cloud.registry)
        self.where = Where(root=root)

    def stage(self, name: str, **overrides: object) -> Where:
        return Where(root=self.root, stage=name, overrides=overrides)


def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Write a project whose dependencies come from an index of its own."""
    wheelhouse.use(folder, monkeypatch)
    root = folder / "iris"
    root.mkdir()
    save_model(root / "iris.onnx")
    (root / "slsdeploy.toml").write_text(TOML)
    (root / "handler.py").write_text("def postprocess(outputs):\n    return outputs\n")
    return Desk(root)

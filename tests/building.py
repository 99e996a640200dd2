"""Projects to build in tests: a folder with a tiny model, and the real tools around it."""

from __future__ import annotations

from pathlib import Path

import onnx

from slsdeploy import bundle as bundles
from slsdeploy.config import FILE, load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve
from slsdeploy.tools import Shell, Tools
from slsdeploy.types import Bundle, Project
from tests import wheelhouse
from tests.fakes import FakeCloud, FakeRegistry, FakeReporter

HANDLER = "def preprocess(request):\n    return {}\n"


def save_model(path: Path, factor: float = 1.0) -> None:
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2])
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [factor, 1.0])
    node = onnx.helper.make_node("Mul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [tensor], [result], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


class House:
    """A project folder and what builds it."""

    def __init__(self, root: Path, index: Path) -> None:
        self.root = root
        self.index = index
        self.reporter = FakeReporter()
        self.shell: Shell = SystemShell()
        self.registry = FakeRegistry()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def project(self, *, local: bool = False) -> Project:
        config, stage = load(self.root / FILE, overrides={}, environ={})
        return resolve(config, self.root, stage=stage, local=local, shell=SystemShell())

    def build(self, *, local: bool = False) -> Bundle:
        self.reporter = FakeReporter()
        return self.make(self.project(local=local))

    def make(self, project: Project) -> Bundle:
        tools = self.tools()
        return bundles.build(bundles.settle(project, tools), tools)

    def tools(self) -> Tools:
        return Tools(self.shell, self.reporter, lambda _: FakeCloud(), self.registry)


def contents(bundle: Bundle) -> list[str]:
    return [path for path in wheelhouse.files_below(bundle.path) if "__pycache__" not in path]

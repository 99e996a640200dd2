"""The rules about several models: their memory together, and fallbacks that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slsdeploy import rules
from slsdeploy.config import load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve
from slsdeploy.rules import Finding, Subject
from slsdeploy.types import ModelInfo, Tensor

MB = 1024**2
NAMES = ("big", "small", "other")


def info(size: int = 1, **changed: Any) -> ModelInfo:
    """A model of so many MB that takes rows of four numbers and gives a label and two probabilities."""
    fields: dict[str, Any] = {
        "format": "onnx",
        "inputs": (Tensor("x", "FP32", (-1, 4)),),
        "outputs": (Tensor("label", "BYTES", (-1,)), Tensor("probabilities", "FP32", (-1, 2))),
        "bytes": size * MB,
        "operators": (),
        "opset": 17,
        "digest": "",
        "files": (),
        "batch": -1,
    }
    return ModelInfo(**{**fields, **changed})


def findings(root: Path, top: str = "", models: str = "", **infos: ModelInfo) -> list[Finding]:
    """Run the rules over a project with models big, small and other; `models` are lines of big's table."""
    tables = "".join(f'[models.{name}]\npath = "{name}.onnx"\n{models if name == "big" else ""}' for name in NAMES)
    (root / "slsdeploy.toml").write_text(f'name = "shop"\n{top}{tables}')
    for name in NAMES:
        (root / f"{name}.onnx").touch()
    config, stage = load(root, overrides={}, environ={})
    project = resolve(config, root, stage=stage, local=False, shell=SystemShell())
    return rules.run(Subject(project, {name: infos.get(name, info()) for name in NAMES}))


class TestMemory:
    """`memory` is 512 MB, the engine takes 80, a model twice its weights."""

    def test_eager_models_count_together(self, tmp_path: Path) -> None:
        assert findings(tmp_path, "memory = 512\n", big=info(100), small=info(100)) == []
        (found,) = findings(tmp_path, "memory = 512\n", big=info(120), small=info(100))
        assert (found.rule, found.path) == ("model-memory", "slsdeploy.toml")
        assert found.message == "the weights are 221.0 MiB, and loading takes about twice that; the function has 512 MB"
        assert found.hint == 'set memory to 650, or let some be loaded when they are asked: load = "lazy"'

    def test_of_the_lazy_ones_only_the_largest_counts(self, tmp_path: Path) -> None:
        lazy = 'load = "lazy"\n'
        assert findings(tmp_path, "memory = 512\n", lazy, big=info(150), small=info(50)) == []
        (found,) = findings(tmp_path, "memory = 512\n", lazy, big=info(180), small=info(50))
        assert found.message.startswith("the weights of the eager models and of the largest lazy one are 231.0 MiB")

    def test_model_memory_is_a_limit(self, tmp_path: Path) -> None:
        lazy = 'load = "lazy"\n'
        assert findings(tmp_path, "memory = 512\nmodel_memory = 200\n", lazy, big=info(180), small=info(50)) == []

    def test_what_does_not_fit_into_it(self, tmp_path: Path) -> None:
        first, second = findings(tmp_path, "model_memory = 150\n", big=info(160), small=info(50))
        assert first.message == "model big has 160.0 MiB, more than model_memory (150 MB)"
        assert second.message == "the eager models have 211.0 MiB, more than model_memory (150 MB)"


class TestFallbacks:
    """What answers must take what is asked, and give what is expected."""

    TO_SMALL = 'fallback = "small"\n'

    def test_one_that_takes_the_same(self, tmp_path: Path) -> None:
        assert findings(tmp_path, models=self.TO_SMALL) == []
        wider = info(inputs=(Tensor("x", "FP32", (-1, -1)),))
        assert findings(tmp_path, models=self.TO_SMALL, small=wider) == []
        fixed = info(inputs=(Tensor("x", "FP32", (8, 4)),), batch=8)
        assert findings(tmp_path, models=self.TO_SMALL, small=fixed) == []

    @pytest.mark.parametrize(
        ("small", "message"),
        [
            (info(inputs=(Tensor("z", "FP32", (-1, 4)),)), "small takes z, expected x"),
            (info(inputs=(Tensor("x", "FP64", (-1, 4)),)), "small takes FP64 [-1, 4] as x, expected FP32 [-1, 4]"),
            (info(inputs=(Tensor("x", "FP32", (-1, 5)),)), "small takes FP32 [-1, 5] as x, expected FP32 [-1, 4]"),
            (info(inputs=(Tensor("x", "FP32", (-1,)),)), "small takes FP32 [-1] as x, expected FP32 [-1, 4]"),
            (info(batch=0), "small takes no rows, unlike the model"),
        ],
    )
    def test_one_that_does_not(self, tmp_path: Path, small: ModelInfo, message: str) -> None:
        (found,) = findings(tmp_path, models=self.TO_SMALL, small=small)
        assert (found.rule, found.severity) == ("fallback-signature", "error")
        assert found.message == f"the fallback of model big: {message}"
        assert found.place == "slsdeploy.toml:4"

    def test_a_constant(self, tmp_path: Path) -> None:
        constant = 'fallback = { outputs = { label = "?", probabilities = [0.5, 0.5] } }\n'
        assert findings(tmp_path, models=constant) == []

    def test_a_constant_of_a_model_without_rows_is_all_of_its_outputs(self, tmp_path: Path) -> None:
        whole = info(outputs=(Tensor("sum", "FP32", (2,)),), batch=0)
        assert findings(tmp_path, models="fallback = { outputs = { sum = [0, 0] } }\n", big=whole) == []
        (found,) = findings(tmp_path, models="fallback = { outputs = { sum = 0 } }\n", big=whole)
        assert "expected FP32 of shape [2]" in found.message

    def test_all_that_is_wrong_with_one_at_once_with_its_lines(self, tmp_path: Path) -> None:
        models = "[models.big.fallback.outputs]\nlable = 1\nprobabilities = [0.5]\n"
        found = findings(tmp_path, models=models)
        assert [(each.message.partition(": ")[2], each.hint, each.place) for each in found] == [
            (
                'there is no output "lable"; expected label, probabilities',
                'did you mean "label"?',
                "slsdeploy.toml:5",
            ),
            ('output "label" is missing; expected BYTES of shape [], one row', "add label", "slsdeploy.toml:4"),
            (
                "probabilities: found shape [1, 1]; expected FP32 of shape [2], one row",
                "correct the value",
                "slsdeploy.toml:6",
            ),
        ]

    def test_a_value_of_another_type(self, tmp_path: Path) -> None:
        (found,) = findings(tmp_path, models="fallback = { outputs = { label = 1, probabilities = [0, 1] } }\n")
        assert "label: found the number 1; expected BYTES of shape [], one row" in found.message

"""An .onnx file -> a session of onnxruntime on the CPU, with as many threads as the memory size buys."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime import phases
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.threads import can_spin

if TYPE_CHECKING:
    import numpy as np

    from slsdeploy_runtime.formats import Options


PLATFORM = "onnxruntime_onnx"

_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


class OnnxSession:
    """A model in onnxruntime."""

    def __init__(self, session: Any, refusal: type[Exception], options: type[Options]) -> None:
        self._run = session.run
        self.options = options
        self._names = [output.name for output in session.get_outputs()]
        self._structured = [node.name for node in session.get_outputs() if node.type.startswith(("seq(", "map("))]
        self._refusal = refusal
        self.dims: Mapping[str, Sequence[int | str | None]] = {
            tensor.name: tuple(tensor.shape) for tensor in (*session.get_inputs(), *session.get_outputs())
        }

    def run(
        self, inputs: Mapping[str, np.ndarray[Any, Any]], options: Options | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        try:
            outputs = dict(zip(self._names, self._run(self._names, inputs, options), strict=True))
        except (
            self._refusal
        ) as error:  # values that the signature allows and an operator does not: an index out of range
            raise BadInput(f"the model refuses these inputs: {_reason(error)}", field="inputs") from error
        return self._gathered(outputs) if self._structured else outputs

    def _gathered(self, outputs: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
        from slsdeploy_runtime import structures  # only for a model that has such an output

        return {**outputs, **{name: structures.gather(outputs[name]) for name in self._structured}}


def engine() -> Any:
    """Return the module onnxruntime, which reports what it runs to its makers unless the environment says otherwise beforehand."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def load(path: str, threads: int, session: Mapping[str, Any] = {}) -> OnnxSession:
    """Load the model; weights in external files are found beside it.

    `session` is what the build decided (slsdeploy.json): `level`, how far the graph is still to be optimised ("all" when it does not say).
    """
    onnxruntime = engine()
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    phases.mark("engine")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level(onnxruntime, session.get("level", "all"))
    # never left to onnxruntime, which asks /sys for processors: Lambda's arm64 machines have none there
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1  # operators run one after another (the default execution mode)
    options.log_severity_level = 3  # errors: warnings at load are about the build, not about this request
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if can_spin(threads) else "0")
    opened = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    return OnnxSession(opened, InvalidArgument, onnxruntime.RunOptions)


def level(onnxruntime: Any, name: str) -> Any:
    """Return onnxruntime's own word for a level of optimisation: "none", "basic", "extended" or "all"."""
    return getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[name])


def _reason(error: Exception) -> str:
    # "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code ... Name:'/emb/Gather' Status Message: indices ..."
    return str(error).splitlines()[0].rpartition("Status Message: ")[2].rpartition("INVALID_ARGUMENT : ")[2]

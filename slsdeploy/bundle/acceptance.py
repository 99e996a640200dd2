"""Whether onnxruntime takes a model, asked of onnxruntime itself: the one installed here.

The bundle may ship an older one, which knows less: `older` says so, and `verify` or a note follows from it.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slsdeploy.bundle.lock import Section
from slsdeploy.errors import ProjectError
from slsdeploy.types import Tensor
from slsdeploy_runtime.formats.onnx import engine


def older(section: Section) -> str:
    """Return the version of onnxruntime that the bundle gets, if it is older than the one here, which had its say; else ""."""
    found, ours = shipped(section), version("onnxruntime")
    if found in ("", ours):
        return ""
    from packaging.version import Version  # slow to import, and seldom needed

    return found if Version(found) < Version(ours) else ""


def shipped(section: Section) -> str:
    """Return the version of onnxruntime that is locked, "" when none is."""
    pins = (package.requirement.split(";")[0].strip().partition("==") for package in section.packages)
    return next((pinned for name, _, pinned in pins if name == "onnxruntime"), "")


def note(section: Section) -> str:
    """Say in one line that the model was tried with a newer onnxruntime than the function has ("" when it was not)."""
    found = older(section)
    if not found:
        return ""
    return f"the model was tried with onnxruntime {version('onnxruntime')}; the function has {found}, which may know fewer opsets"


def check_stamps(opsets: dict[str, int], ir_version: int, path: Path) -> None:
    """Refuse opsets and file versions that onnxruntime does not know.

    onnxruntime has no call that tells them, so it is given one-node models with the same stamps.
    """
    onnxruntime = engine()
    runtime = f"onnxruntime {onnxruntime.__version__}"
    for domain, label in (("", "opset"), ("ai.onnx", "opset"), ("ai.onnx.ml", "ai.onnx.ml opset")):
        opset = opsets.get(domain, 0)
        if not opset or _is_accepted(domain, opset):
            continue
        newest = next((lower for lower in range(opset - 1, 0, -1) if _is_accepted(domain, lower)), 0)
        message = f"the model uses {label} {opset}; {runtime} knows up to {newest}"
        hint = f"export it with opset {newest} or lower (opset_version in torch.onnx.export, target_opset in skl2onnx)"
        raise ProjectError(message, hint, str(path))
    if not _is_accepted("", 13, ir_version):
        newest = next((lower for lower in range(ir_version - 1, 2, -1) if _is_accepted("", 13, lower)), 0)
        message = f"the model has ONNX file version (IR) {ir_version}; {runtime} reads up to {newest}"
        raise ProjectError(
            message, "export it with an older onnx package, or set model.ir_version and save it", str(path)
        )


def _is_accepted(domain: str, opset: int, ir_version: int = 8) -> bool:
    import onnx

    opsets = {"": 13, domain: opset}
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "probe", [value], [result])
    imports = [onnx.helper.make_opsetid(name, version) for name, version in opsets.items()]
    probe = onnx.helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    try:
        _session(probe.SerializeToString())
    except Exception:  # onnxruntime's errors share no parent
        return False
    return True


def load(path: Path, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Let onnxruntime load the model; return the outputs with the shapes that it inferred where the file gives none."""
    onnxruntime = engine()
    try:
        found = {node.name: node.shape for node in _session(str(path)).get_outputs()}
    except Exception as error:  # onnxruntime's errors share no parent
        # "[ONNXRuntimeError] : 1 : FAIL : Load model from <path> failed:<what counts>"
        reason = re.sub(
            r"\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?", "", " ".join(str(error).split())
        )
        message = f"onnxruntime {onnxruntime.__version__} cannot load the model: {reason}"
        raise ProjectError(message, "export it again; operators of its own are not supported", str(path)) from None
    inferred = {name: tuple(size if isinstance(size, int) else -1 for size in shape) for name, shape in found.items()}
    return tuple(
        Tensor(output.name, output.datatype, inferred[output.name] or output.shape) if output.shape == (-1,) else output
        for output in outputs
    )


def _session(model: str | bytes) -> Any:
    """Make a session that is quick to make: nothing optimised, nothing repacked, one thread."""
    onnxruntime = engine()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # fatal: what goes wrong is raised, and said by us
    # With its fallback, onnxruntime prints to standard output and tries the same again.
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=False)

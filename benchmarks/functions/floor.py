"""The floor: nothing that an ONNX model's function could do without. It decodes nothing and always runs on the same input."""

import json
import os
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime

# what the benchmark found in the bundle: the prepared model, its session's options, an input
SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_bytes())


def make_session():
    """Make the session that the bundle's own runtime makes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, round(int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) / 1769))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if SETTINGS["level"] is not None:
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, SETTINGS["level"])
    for key, value in SETTINGS["entries"].items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(SETTINGS["model"], options, ["CPUExecutionProvider"])


session = make_session()
feed = {name: np.array(value["data"], value["dtype"]) for name, value in SETTINGS["feed"].items()}


def handler(event, context):
    session.run(None, feed)

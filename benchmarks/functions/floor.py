"""The floor: nothing that an ONNX model's function could do without. It decodes nothing and always runs on the same input."""

import json
import os
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime

# what the benchmark found in the bundle: the prepared model, its session's options, an input
SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_bytes())


LEVELS = {
    "none": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def make_session():
    """Make the session that the bundle's own runtime makes."""
    threads = max(1, round(int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) / 1769))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[SETTINGS["level"]]
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(SETTINGS["model"], options, ["CPUExecutionProvider"])


session = make_session()
feed = {name: np.array(value["data"], value["dtype"]) for name, value in SETTINGS["feed"].items()}


def handler(event, context):
    session.run(None, feed)

"""Run by the bundle's Python, as a script: have onnxruntime optimise a model's graph and write it, its weights beside it.

    PYTHONPATH=<dependencies>:<runtime> python -P -s -S optimise_model.py JOB ANSWER

JOB is a JSON document: `model` (its file), `target` (the file to write), `weights` (the name of the one beside it), `level` ("extended"
or "all") and `prepacked` (whether the weights are written as this processor's kernels want them). ANSWER gets the version of onnxruntime.
"""

import json
import sys
from pathlib import Path
from typing import Any

from slsdeploy_runtime.formats import onnx

LEAST_BYTES = 1024


def main(job: dict[str, Any], answer: str) -> None:
    """Do the job."""
    onnxruntime = onnx.engine()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnx.level(onnxruntime, job["level"])
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors: that some of it is for this processor is what was asked for
    options.optimized_model_filepath = job["target"]
    entries = {
        "session.optimized_model_external_initializers_file_name": job["weights"],
        "session.optimized_model_external_initializers_min_size_in_bytes": str(LEAST_BYTES),
        "session.disable_prepacking": "0" if job["prepacked"] else "1",
        "session.save_external_prepacked_constant_initializers": "1" if job["prepacked"] else "0",
    }
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    onnxruntime.InferenceSession(job["model"], options, ["CPUExecutionProvider"], enable_fallback=False)
    Path(answer).write_text(json.dumps({"version": onnxruntime.__version__}), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])

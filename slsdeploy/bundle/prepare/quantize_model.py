"""Run by this machine's Python, as a script: turn a model's weights into 8-bit integers (dynamic quantisation).

    python quantize_model.py JOB ANSWER

JOB is a JSON document: `model` (its file), `target` (the file to write), `external` (whether the result is too large for one file).
ANSWER gets `operators`, how many of each the result has.

Convolutions stay as they are: as integers they are slower (ConvInteger, 187 to 900 ms instead of 120). The weights have 7 bits, one scale a
channel: with 8, x86_64 processors without VNNI, which Lambda has too, overflow (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

import json
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

OPERATORS = ["MatMul", "Gemm", "Gather", "Attention", "EmbedLayerNormalization", "LSTM"]


def main(job: dict[str, Any], answer: str) -> None:
    """Do the job."""
    logging.disable(logging.WARNING)  # it recommends a preparation that is done afterwards
    quantize_dynamic(
        Path(job["model"]),
        Path(job["target"]),
        op_types_to_quantize=OPERATORS,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        use_external_data_format=job["external"],
    )
    made = onnx.load(job["target"], load_external_data=False)
    operators = Counter(node.op_type for node in made.graph.node)
    Path(answer).write_text(json.dumps({"operators": operators}), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])

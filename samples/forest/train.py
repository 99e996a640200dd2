# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1"]
# ///
"""Trains the forest and writes forest.onnx, held-out.csv, tumour.json and expected.json: `uv run train.py`."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent

tumours = load_breast_cancer()
columns = [name.replace(" ", "_") for name in tumours.feature_names]
diagnoses = tumours.target_names[tumours.target]
train_x, test_x, train_y, test_y = train_test_split(
    tumours.data.astype(np.float32), diagnoses, test_size=100, stratify=diagnoses, random_state=7
)

forest = RandomForestClassifier(n_estimators=100, max_depth=8, random_state=7).fit(train_x, train_y)
model = to_onnx(
    forest,
    initial_types=[("measurements", FloatTensorType([None, 30]))],  # in the order of held-out.csv's columns
    options={"zipmap": False},
    target_opset={"": 17, "ai.onnx.ml": 3},
    name="forest",
)
model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
(HERE / "forest.onnx").write_bytes(model.SerializeToString())

session = onnxruntime.InferenceSession(model.SerializeToString())
(labels,) = session.run(["label"], {"measurements": test_x})
accuracy = int((labels == test_y).sum()) / len(test_y)

with (HERE / "held-out.csv").open("w", newline="") as file:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow([*columns, "diagnosis"])
    rows.writerows([*(f"{value:.6g}" for value in row), label] for row, label in zip(test_x, test_y, strict=True))
(HERE / "tumour.json").write_text(json.dumps({"instances": [[float(f"{value:.6g}") for value in test_x[0]]]}) + "\n")
(HERE / "expected.json").write_text(json.dumps({"rows": len(test_y), "accuracy": accuracy}) + "\n")
print(f"accuracy on {len(test_y)} held-out tumours: {accuracy}; the first is {test_y[0]}")

# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1"]
# ///
"""Trains the iris classifier and writes iris.onnx, held-out.csv, flower.json and expected.json: `uv run train.py`."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]

flowers = load_iris()
species = flowers.target_names[flowers.target]
train_x, test_x, train_y, test_y = train_test_split(
    flowers.data, species, test_size=50, stratify=species, random_state=7
)

classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_x, train_y)
model = to_onnx(
    classifier,
    initial_types=[("measurements", FloatTensorType([None, 4]))],  # centimetres, in the order of COLUMNS
    options={"zipmap": False},
    target_opset={"": 17, "ai.onnx.ml": 3},
    name="iris",
)
model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
(HERE / "iris.onnx").write_bytes(model.SerializeToString())

session = onnxruntime.InferenceSession(model.SerializeToString())
labels, _ = session.run(["label", "probabilities"], {"measurements": test_x.astype(np.float32)})
accuracy = int((labels == test_y).sum()) / len(test_y)

with (HERE / "held-out.csv").open("w", newline="") as file:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow([*COLUMNS, "species"])
    rows.writerows([*row, label] for row, label in zip(test_x.tolist(), test_y, strict=True))
(HERE / "flower.json").write_text(json.dumps({"instances": [test_x[0].tolist()]}) + "\n")
(HERE / "expected.json").write_text(json.dumps({"rows": len(test_y), "accuracy": accuracy}) + "\n")
print(f"accuracy on {len(test_y)} held-out flowers: {accuracy}; the first is {test_y[0]}")

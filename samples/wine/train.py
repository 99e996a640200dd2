# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1"]
# ///
"""Trains the wine classifier and writes wine.onnx, held-out.csv, wine.json and expected.json: `uv run train.py`."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent

wines = load_wine()
columns = [name.replace("od280/od315_of_diluted_wines", "od280_od315") for name in wines.feature_names]
cultivars = np.array([f"cultivar {number + 1}" for number in wines.target])
train_x, test_x, train_y, test_y = train_test_split(
    wines.data, cultivars, test_size=60, stratify=cultivars, random_state=7
)

classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(train_x, train_y)
model = to_onnx(
    classifier,
    initial_types=[("measurements", FloatTensorType([None, 13]))],
    target_opset={"": 17, "ai.onnx.ml": 3},
    name="wine",
)
model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
(HERE / "wine.onnx").write_bytes(model.SerializeToString())

session = onnxruntime.InferenceSession(model.SerializeToString())
labels, probabilities = session.run(["output_label", "output_probability"], {"measurements": test_x.astype(np.float32)})
accuracy = int((labels == test_y).sum()) / len(test_y)
assert labels[0] == test_y[0] and probabilities[0][labels[0]] > 0.5

with (HERE / "held-out.csv").open("w", newline="") as file:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow([*columns, "cultivar"])
    rows.writerows([*row, label] for row, label in zip(test_x.tolist(), test_y, strict=True))
(HERE / "wine.json").write_text(json.dumps([dict(zip(columns, test_x[0].tolist(), strict=True))]) + "\n")
(HERE / "expected.json").write_text(json.dumps({"rows": len(test_y), "accuracy": accuracy}) + "\n")
print(f"accuracy on {len(test_y)} held-out wines: {accuracy}; the first is {test_y[0]}")

# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1"]
# ///
"""Trains the diabetes regression and writes diabetes.onnx, held-out.csv, message.json and expected.json: `uv run train.py`."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent

patients = load_diabetes(scaled=False)
# float32 from the start: a tree compares with thresholds, and the function gets float32
features = patients.data.astype(np.float32)
train_x, test_x, train_y, test_y = train_test_split(features, patients.target, test_size=0.25, random_state=7)

regression = GradientBoostingRegressor(
    n_estimators=80, learning_rate=0.06, max_depth=3, subsample=0.8, min_samples_leaf=8, random_state=7
).fit(train_x, train_y)
model = to_onnx(
    regression,
    initial_types=[("patient", FloatTensorType([None, train_x.shape[1]]))],  # columns as in held-out.csv
    final_types=[("progression", FloatTensorType([None, 1]))],
    target_opset={"": 17, "ai.onnx.ml": 3},
    name="diabetes",
)
model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
(HERE / "diabetes.onnx").write_bytes(model.SerializeToString())

session = onnxruntime.InferenceSession(model.SerializeToString())
(progression,) = session.run(["progression"], {"patient": test_x})
# Round as JSON readers see it: a float32 printed and read as a double.
r2 = r2_score(test_y, progression[:, 0].astype(np.float64))

rows = [[round(float(value), 4) for value in row] for row in test_x]
with (HERE / "held-out.csv").open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*patients.feature_names, "progression"])
    writer.writerows([*row, label] for row, label in zip(rows, test_y.tolist(), strict=True))
(HERE / "message.json").write_text(json.dumps({"instances": [rows[0]]}) + "\n")
(HERE / "expected.json").write_text(json.dumps({"rows": len(test_y), "r2": r2}) + "\n")
print(f"R2 on {len(test_y)} held-out patients: {r2}")
assert np.array_equal(np.array(rows, dtype=np.float32), test_x), "held-out.csv must hold the very same numbers"

# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1"]
# ///
"""Trains three classifiers and writes their .onnx and held-out .csv files, tumour.json, wine.json and expected.json: `uv run train.py`."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
DATA = {"tumour": load_breast_cancer(), "wine": load_wine()}


def quick():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01))


# the name that a model is served under: whose data it is trained on, and what is trained
MODELS = {
    "tumour": ("tumour", ExtraTreesClassifier(n_estimators=600, random_state=7)),
    "tumour-quick": ("tumour", quick()),
    "wine": ("wine", quick()),
}


def split(name):
    data = DATA[name]
    labels = data.target_names[data.target]
    return train_test_split(data.data, labels, test_size=0.25, stratify=labels, random_state=7)


expected = {}
for name, (source, classifier) in MODELS.items():
    train_x, test_x, train_y, test_y = split(source)
    classifier.fit(train_x, train_y)
    model = to_onnx(
        classifier,
        initial_types=[("measurements", FloatTensorType([None, train_x.shape[1]]))],
        options={"zipmap": False},
        target_opset={"": 17, "ai.onnx.ml": 3},
        name=name,
    )
    model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString())
    labels, _ = session.run(["label", "probabilities"], {"measurements": test_x.astype(np.float32)})
    expected[name] = {"rows": len(test_y), "accuracy": int((labels == test_y).sum()) / len(test_y)}

for name, data in DATA.items():
    _, test_x, _, test_y = split(name)
    with (HERE / f"held-out-{name}.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*(str(column).replace(" ", "_") for column in data.feature_names), "label"])
        rows.writerows([*row, label] for row, label in zip(test_x.tolist(), test_y, strict=True))
    event = {"model": name, "instances": [test_x[0].tolist()]}
    (HERE / f"{name}.json").write_text(json.dumps(event) + "\n")
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")
print(json.dumps(expected, indent=1))

# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnxruntime==1.31.1", "pillow>=11"]
# ///
"""Trains the digit classifier and writes digits.onnx, held-out.npz, held-out/*.png and expected.json: `uv run train.py`."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent

digits = load_digits()
# The data set has 17 shades; as PNG they are 8 bit, and that is what the network is trained on.
pictures = np.round(digits.images * 255 / 16).astype(np.uint8)
train_x, test_x, train_y, test_y = train_test_split(
    pictures, digits.target, test_size=360, stratify=digits.target, random_state=7
)


def pixels(images):
    """Do what `preprocess` in handler.py does to one picture."""
    return images.reshape(len(images), 64).astype(np.float32) / np.float32(255)


network = MLPClassifier(hidden_layer_sizes=(64, 32), alpha=1e-3, max_iter=400, random_state=7)
network.fit(pixels(train_x), train_y)
model = to_onnx(
    network,
    initial_types=[("pixels", FloatTensorType([None, 64]))],  # 8 x 8, row by row, from 0 (background) to 1 (ink)
    options={"zipmap": False},
    target_opset={"": 17, "ai.onnx.ml": 3},
    name="digits",
)
model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx writes them in any order
(HERE / "digits.onnx").write_bytes(model.SerializeToString())

session = onnxruntime.InferenceSession(model.SerializeToString())
labels, _ = session.run(["label", "probabilities"], {"pixels": pixels(test_x)})
accuracy = int((labels == test_y).sum()) / len(test_y)

np.savez_compressed(HERE / "held-out.npz", images=test_x, labels=test_y.astype(np.uint8))
(HERE / "held-out").mkdir(exist_ok=True)
for digit in range(10):
    index = int(np.flatnonzero(test_y == digit)[0])
    Image.fromarray(test_x[index]).save(HERE / "held-out" / f"{digit}.png")
(HERE / "expected.json").write_text(json.dumps({"rows": len(test_y), "accuracy": accuracy}) + "\n")
print(f"accuracy on {len(test_y)} held-out digits: {accuracy}")

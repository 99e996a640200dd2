"""The committed models of the samples are as good as they say, on the committed held-out rows."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from slsdeploy.bundle.model import inspect
from slsdeploy.bundle.sample import sample_inputs
from slsdeploy_runtime.request import BadInput, Request

SAMPLES = Path(__file__).parents[2] / "samples"


def read_rows(sample: str) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Return the held-out rows as a client would send them, and what is true of each."""
    with (SAMPLES / sample / "held-out.csv").open(encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return np.array([row[:-1] for row in rows], dtype=np.float32), [row[-1] for row in rows]


def expected(sample: str) -> Any:
    return json.loads((SAMPLES / sample / "expected.json").read_text(encoding="utf-8"))


def session(sample: str) -> Any:
    return onnxruntime.InferenceSession(str(SAMPLES / sample / f"{sample}.onnx"))


@pytest.fixture
def handler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits_handler", SAMPLES / "digits" / "handler.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def png(image: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_iris() -> None:
    rows, species = read_rows("iris")
    labels, probabilities = session("iris").run(["label", "probabilities"], {"measurements": rows})
    correct = sum(found == true for found, true in zip(labels, species, strict=True))
    assert {"rows": len(rows), "accuracy": correct / len(rows)} == expected("iris")
    assert probabilities.shape == (len(rows), 3)
    flower = json.loads((SAMPLES / "iris" / "flower.json").read_text(encoding="utf-8"))["instances"][0]
    assert np.array_equal(np.float32(flower), rows[0])
    assert labels[0] == species[0] == "versicolor"


def test_diabetes() -> None:
    rows, truth = read_rows("diabetes")
    progression = session("diabetes").run(["progression"], {"patient": rows})[0][:, 0].astype(np.float64)
    target = np.array(truth, dtype=np.float64)
    r2 = 1 - ((target - progression) ** 2).sum() / ((target - target.mean()) ** 2).sum()
    assert len(rows) == expected("diabetes")["rows"]
    assert r2 == pytest.approx(expected("diabetes")["r2"], abs=1e-12)


@pytest.mark.parametrize("name", ["tumour", "tumour-quick", "wine"])
def test_tables(name: str) -> None:
    with (SAMPLES / "tables" / f"held-out-{name.removesuffix('-quick')}.csv").open(encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    model = onnxruntime.InferenceSession(str(SAMPLES / "tables" / f"{name}.onnx"))
    labels = model.run(["label"], {"measurements": np.array([row[:-1] for row in rows], dtype=np.float32)})[0]
    correct = sum(found == row[-1] for found, row in zip(labels, rows, strict=True))
    assert {"rows": len(rows), "accuracy": correct / len(rows)} == expected("tables")[name]


def test_digits_through_the_handler(handler: ModuleType) -> None:
    held_out = np.load(SAMPLES / "digits" / "held-out.npz")
    inputs = [handler.preprocess(Request(png(image), "image/png", "s3"))["pixels"] for image in held_out["images"]]
    labels, probabilities = session("digits").run(["label", "probabilities"], {"pixels": np.concatenate(inputs)})
    outputs = [{"label": labels[i : i + 1], "probabilities": probabilities[i : i + 1]} for i in range(len(labels))]
    found = [handler.postprocess(output)["digit"] for output in outputs]
    correct = sum(int(digit == true) for digit, true in zip(found, held_out["labels"], strict=True))
    assert {"rows": len(found), "accuracy": correct / len(found)} == expected("digits")


@pytest.mark.parametrize("path", sorted((SAMPLES / "digits" / "held-out").glob("*.png")), ids=lambda path: path.stem)
def test_committed_pictures_are_held_out_rows(handler: ModuleType, path: Path) -> None:
    held_out = np.load(SAMPLES / "digits" / "held-out.npz")
    picture = np.asarray(Image.open(path))
    (index, *_) = [i for i, image in enumerate(held_out["images"]) if np.array_equal(image, picture)]
    assert held_out["labels"][index] == int(path.stem)


def test_other_sizes_and_modes_are_brought_to_the_models(handler: ModuleType) -> None:
    large = np.full((64, 48, 4), 255, dtype=np.uint8)
    inputs = handler.preprocess(Request(png(large), "image/png", "s3"))
    assert (inputs["pixels"].shape, inputs["pixels"].dtype, inputs["pixels"].max()) == ((1, 64), np.float32, 1.0)


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", {"inputs": {}}, png(np.zeros((64, 64), np.uint8))[:60]],
    ids=["empty", "text", "json", "cut"],
)
def test_what_is_no_picture_is_the_callers_mistake(handler: ModuleType, data: object) -> None:
    with pytest.raises(BadInput, match="expected a PNG"):
        handler.preprocess(Request(data, "image/png", "s3"))


@pytest.mark.parametrize("sample", ["iris", "digits", "diabetes"])
def test_sample_inputs_run(sample: str) -> None:
    info = inspect(SAMPLES / sample / f"{sample}.onnx")
    inputs = {name: np.array(values, dtype=np.float32) for name, values in sample_inputs(info).items()}
    assert len(session(sample).run(None, inputs)) == len(info.outputs)

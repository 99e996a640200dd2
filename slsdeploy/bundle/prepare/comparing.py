"""Two answers to the same inputs -> how far apart they are, and whether that is within tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slsdeploy.bundle.prepare.tolerances import TOLERANCES
from slsdeploy.types import ModelInfo

_DATATYPES = {"float16": "FP16", "float32": "FP32", "float64": "FP64"}
Answers = Mapping[str, Sequence["np.ndarray[Any, Any]"]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest absolute difference between numbers, and in words what is wrong ("" when nothing is)."""

    difference: float
    problem: str = ""


def read(folder: Path) -> Answers:
    """Return the answers that were written to a folder, by the sample's file."""
    answers = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            answers[path.name] = [arrays[name] for name in arrays.files]
    return answers


def compare(original: Answers, found: Answers, info: ModelInfo) -> Comparison:
    """Compare the outputs of all samples that the original answers."""
    largest, problem = 0.0, ""
    names = [tensor.name for tensor in info.outputs]
    for sample, expected in original.items():
        if sample not in found:
            return Comparison(largest, "it refuses inputs that the original takes")
        for name, one, other in zip(names, expected, found[sample], strict=True):
            difference, wrong = _apart(one, other)
            largest, problem = max(largest, difference), problem or (f"{name}: {wrong}" if wrong else "")
    return Comparison(largest, problem)


def is_usable(original: Answers, found: Answers) -> bool:
    """Say whether there is a number wherever the original has one."""
    return all(
        bool(np.all(np.isfinite(other) | ~np.isfinite(one)))
        for sample, expected in original.items()
        for one, other in zip(expected, found.get(sample, ()), strict=False)
        if one.dtype.kind == "f" and one.shape == other.shape
    )


def _apart(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> tuple[float, str]:
    """Return the largest difference of two arrays and what is wrong with it."""
    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return 0.0, f"{other.dtype}{list(other.shape)} instead of {one.dtype}{list(one.shape)}"
    if one.dtype.kind != "f":
        unlike = int(np.count_nonzero(one != other))
        return 0.0, f"{unlike} of {one.size} values differ" if unlike else ""
    rtol, atol = TOLERANCES[_DATATYPES[one.dtype.name]]
    left, right = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        apart = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0, np.abs(left - right))
        largest = float(np.max(apart, initial=0.0, where=np.isfinite(apart)))
        within = (apart == 0) | (apart <= atol + rtol * np.abs(left)) & np.isfinite(apart)
    return largest, f"differs by up to {largest:.2g}" if not bool(np.all(within)) else ""

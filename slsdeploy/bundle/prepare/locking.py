"""What slsdeploy.lock says of prepared models: one `[[prepared]]` for each, with what the choice was made from and what came of it.

No times: they differ from machine to machine, the choice must not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy.bundle import lock
from slsdeploy.bundle.prepare import candidates
from slsdeploy.types import Preparation

NAME = "prepared"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a choice is made from: as long as it is the same, so is the choice. `architecture` counts where it is for one ("" elsewhere)."""

    model: str
    digest: str
    onnxruntime: str
    optimize: str
    quantize: str
    architecture: str


def read(folder: Path, subject: Subject) -> Preparation | None:
    """Return what the folder's lock file says of a model, if it was said of the very same. Raises ProjectError when it cannot be read."""
    return next((found for asked, found in lock.read_tables(folder, NAME, _entry) if asked == subject), None)


def write(folder: Path, subject: Subject, preparation: Preparation) -> None:
    """Put a choice into the lock file, in place of the model's former one for that architecture."""
    place = (subject.model, subject.architecture)
    with lock.changing(folder):
        before = lock.read_tables(folder, NAME, _entry)
        others = [(asked, found) for asked, found in before if (asked.model, asked.architecture) != place]
        pairs = sorted([*others, (subject, preparation)], key=lambda pair: (pair[0].model, pair[0].architecture))
        lock.put(folder, NAME, [_table(*pair) for pair in pairs])


def _table(subject: Subject, preparation: Preparation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "model": subject.model,
        "source": subject.digest,
        "onnxruntime": subject.onnxruntime,
        "optimize": subject.optimize,
        "choice": preparation.choice,
        "bytes": preparation.bytes,
    }
    if subject.quantize:
        said["quantize"] = subject.quantize
    if subject.architecture:
        said["architecture"] = subject.architecture
    if preparation.digest:
        said |= {"digest": preparation.digest, "difference": preparation.difference}
    if preparation.quantized_difference is not None:
        said["quantized_difference"] = preparation.quantized_difference
    return said


def _entry(table: Mapping[str, Any]) -> tuple[Subject, Preparation]:
    subject = Subject(
        table["model"],
        table["source"],
        table["onnxruntime"],
        table["optimize"],
        table.get("quantize", ""),
        table.get("architecture", ""),
    )
    if table["choice"] not in candidates.BY_NAME or (
        table["choice"] != candidates.PLAIN.name and "digest" not in table
    ):
        raise ValueError(f"model {subject.model} cannot ship as {table['choice']!r}")
    quantized = table.get("quantized_difference")
    return subject, Preparation(
        model=subject.model,
        choice=table["choice"],
        onnxruntime=subject.onnxruntime if "digest" in table else "",
        optimize=subject.optimize,
        quantize=subject.quantize or None,
        bytes=int(table["bytes"]),
        digest=table.get("digest", ""),
        difference=float(table.get("difference", 0.0)),
        quantized_difference=None if quantized is None else float(quantized),
    )

"""A candidate -> its files, made once per user and kept; the same bytes whenever and wherever onnxruntime writes the same.

They are made in a draft and renamed into place (`parts`), so a build that is killed, or finds the disk full, leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path

from slsdeploy.bundle import parts, tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.prepare import candidates, weights
from slsdeploy.bundle.prepare import engine as engines
from slsdeploy.bundle.prepare.candidates import Candidate
from slsdeploy.bundle.prepare.engine import Engine, EngineError
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools
from slsdeploy.types import Model, ModelInfo

# Raise it when what is made of the same model changes.
RECIPE = 1
# What quantize_dynamic puts into a graph: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
_INTEGER = frozenset(
    {"MatMulInteger", "DynamicQuantizeLSTM", "QAttention", "QEmbedLayerNormalization", "DequantizeLinear"}
)


def keep(
    model: Model,
    info: ModelInfo,
    candidate: Candidate,
    engine: Engine,
    tools: Tools,
    around: Callable[[Path], AbstractContextManager[object]] = nullcontext,
) -> Kept:
    """Return the files of a candidate that is not the model as it is; when they are made now, `around` (of their folder) is held.

    Raises EngineError, BuildError when the model cannot be quantized, and what `around` raises.
    """
    if candidate.is_plain:
        return _quantized(model, info, engine, tools, around)
    processor = engines.processor() if candidate.prepacked else ""
    said = [info.digest, model.path.name, model.quantize, candidate.files, engine.version, engine.platform, processor]

    def make(folder: Path) -> None:
        with around(folder):
            _fill(candidate, base(model, info, engine, tools), folder / model.path.name, engine, tools)

    return parts.keep("model", _key(said), make)


def base(model: Model, info: ModelInfo, engine: Engine, tools: Tools) -> Path:
    """Return the main file that the candidates are made from: the model's own, or what int8 made of it. Raises BuildError."""
    if not model.quantize:
        return model.path
    kept = _quantized(model, info, engine, tools)
    return kept.tree / model.path.name if kept.files else model.path


def digest(kept: Kept) -> str:
    """Return the digest of files that were made."""
    return weights.digest([kept.tree / file.path for file in tree.walk(kept.tree)], kept.tree)


def _fill(candidate: Candidate, source: Path, target: Path, engine: Engine, tools: Tools) -> None:
    """Write a candidate's main file, and its weights beside it."""
    if not candidate.ahead:
        weights.rewrite(source, target, external=candidate.external)
        return
    job = {"model": str(source), "level": candidate.ahead, "prepacked": candidate.prepacked}
    if candidate.prepacked:  # what was packed is found by its place in the file: it stays as onnxruntime wrote it
        engine.run("optimise_model.py", {**job, "target": target, "weights": weights.file_of(target).name}, tools)
        return
    with _beside(target) as scratch:
        written = Path(scratch) / target.name
        engine.run("optimise_model.py", {**job, "target": written, "weights": f"{written.name}.optimised"}, tools)
        weights.rewrite(written, target, external=candidate.external)


def _quantized(
    model: Model,
    info: ModelInfo,
    engine: Engine,
    tools: Tools,
    around: Callable[[Path], AbstractContextManager[object]] = nullcontext,
) -> Kept:
    """Return what int8 makes of a model: its files, or none when there is nothing to quantize."""

    def make(folder: Path) -> None:
        with around(folder), _beside(folder) as scratch:
            written = Path(scratch) / model.path.name
            is_large = info.bytes > candidates.INLINE_LIMIT
            job = {"model": str(model.path), "target": str(written), "external": is_large}
            said = engines.ours(engine).run("quantize_model.py", job, tools)
            if _INTEGER & (said["operators"].keys() - set(info.operators)):
                weights.rewrite(written, folder / model.path.name, external=is_large)

    try:
        return parts.keep("model", _key([info.digest, model.path.name, model.quantize, version("onnxruntime")]), make)
    except EngineError as error:
        hint = 'leave out `quantize = "int8"` for this model, or quantize it where it was trained'
        raise BuildError(f"model {model.name} cannot be quantized: {error}", hint, str(model.path)) from error


def _beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    """Give a folder on the same disk for what is written on the way; it goes with the draft."""
    return tempfile.TemporaryDirectory(prefix=".on-the-way-", dir=path.parent)


def _key(said: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(["prepared", RECIPE, *said]).encode()).hexdigest()

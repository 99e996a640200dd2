"""Model files -> ModelInfo, kept by the files' identity: a model that did not change is neither read nor hashed again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slsdeploy import assets
from slsdeploy.bundle.record import model_info
from slsdeploy.types import ModelInfo

# Raise it when more is said of a model.
_RECIPE = 2
# A file that was written while we looked may have changed within one tick of its clock.
_SETTLED_NS = 2_000_000_000


def inspect(path: Path) -> ModelInfo:
    """Return what the model says of itself, as `model.inspect` does, but from memory where nothing changed."""
    kept = assets.cache_dir() / "models" / f"{sha256(str(path).encode()).hexdigest()}.json"
    try:
        said = json.loads(kept.read_text(encoding="utf-8"))
        found = model_info(said["info"])
        if said["identity"] == _identity(found.files):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    from slsdeploy.bundle import model  # onnx and onnxruntime are slow to import

    info = model.inspect(path)
    now = time.time_ns()
    if all(now - file.stat().st_mtime_ns > _SETTLED_NS for file in info.files):
        document = {"identity": _identity(info.files), "info": asdict(info)}
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, no more
            assets.write_atomically(kept, json.dumps(document, default=str).encode())
    return info


def _identity(files: Sequence[Path]) -> list[Any]:
    """Return what changes when a file does, and which onnxruntime had the last word on it."""
    stats = (file.stat() for file in files)
    return [
        _RECIPE,
        version("onnxruntime"),
        *([found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns] for found in stats),
    ]

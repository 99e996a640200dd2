"""Project + ModelInfo -> slsdeploy.json: what the runtime is to do, decided here so that it guesses nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from slsdeploy.config import secret
from slsdeploy.types import Model, ModelInfo, Project
from slsdeploy_runtime.manifest import SCHEMA

# Every function answers direct events; it takes whatever no other source recognises, so it comes last.
_DIRECT = {"module": "slsdeploy_runtime.events.direct", "name": "Direct", "options": {}}


def make(project: Project, models: tuple[ModelInfo, ...], place: PurePosixPath) -> bytes:
    """Return the manifest; `place` is where the models are mounted ("opt/models")."""
    pairs = zip(project.models, models, strict=True)
    document = {
        "schema": SCHEMA,
        "name": project.name,
        "stage": project.stage,
        "model_memory": project.config.model_memory,
        "snap_start": project.config.snap_start,
        "models": [_model(model, info, place) for model, info in pairs],
        "handler": project.handler.module if project.handler else None,
        "events": [
            *({"module": item.module, "name": item.name, "options": asdict(item.options)} for item in project.triggers),
            _DIRECT,
        ],
        "secrets": {variable: _secret(source) for variable, source in project.config.secrets.items()},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _secret(source: str) -> dict[str, str]:
    found = secret.read(source)
    return {"service": found.service, "id": found.id}


def _fallback(model: Model) -> dict[str, Any] | None:
    if model.fallback is None:
        return None
    return {"model": model.fallback} if isinstance(model.fallback, str) else {"outputs": dict(model.fallback)}


def _model(model: Model, info: ModelInfo, place: PurePosixPath) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "format": f"slsdeploy_runtime.formats.{info.format}",
        "root": place.parts[0],
        "path": PurePosixPath(*place.parts[1:], model.name, model.path.name).as_posix(),
        "digest": info.digest,
        "bytes": info.bytes,
        "batch": info.batch,
        "session": {},
        "load": model.load,
        "timeout": model.timeout,
        "fallback": _fallback(model),
        "remote": None,
        "inputs": [asdict(tensor) for tensor in info.inputs],
        "outputs": [asdict(tensor) for tensor in info.outputs],
    }

"""Project + ModelInfo -> slsdeploy.json: what the runtime is to do, decided here so that it guesses nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from slsdeploy.bundle.prepare import candidates, tolerances
from slsdeploy.config import secret
from slsdeploy.types import EfsOrigin, Model, ModelInfo, Preparation, Project, S3Origin
from slsdeploy_runtime.manifest import SCHEMA

# Every function answers direct events; it takes whatever no other source recognises, so it comes last.
_DIRECT = {"module": "slsdeploy_runtime.events.direct", "name": "Direct", "options": {}}


def make(
    project: Project, models: tuple[ModelInfo, ...], preparations: tuple[Preparation, ...], place: PurePosixPath
) -> bytes:
    """Return the manifest; `place` is where the models are mounted ("opt/models").

    A model's `digest` is that of the file in the project, however it is prepared: it says which model answers. `made` is that of
    the files that were made of it ("": it ships as it is), `bytes` counts what ships.
    """
    each = zip(project.models, models, preparations, strict=True)
    document = {
        "schema": SCHEMA,
        "name": project.name,
        "stage": project.stage,
        "model_memory": project.config.model_memory,
        "snap_start": project.config.snap_start,
        "models": [{**_model(*one, place), "verify": project.config.verify} for one in each],
        "handler": _handler(project),
        "events": [
            *({"module": item.module, "name": item.name, "options": asdict(item.options)} for item in project.triggers),
            _DIRECT,
        ],
        "output": _output(project.config.output),
        "secrets": {variable: _secret(source) for variable, source in project.config.secrets.items()},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _handler(project: Project) -> str | None:
    if project.handler is None:
        return None
    return f"{project.handler.module}:{project.handler.app}" if project.handler.app else project.handler.module


def _output(output: Any) -> dict[str, Any] | None:
    return None if output is None else {"module": type(output).__module__, "options": asdict(output)}


def _secret(source: str) -> dict[str, str]:
    found = secret.read(source)
    return {"service": found.service, "id": found.id}


def _fallback(model: Model) -> dict[str, Any] | None:
    if model.fallback is None:
        return None
    return {"model": model.fallback} if isinstance(model.fallback, str) else {"outputs": dict(model.fallback)}


def _preparation(info: ModelInfo, preparation: Preparation) -> dict[str, Any]:
    """Say what was done to a model, by which onnxruntime, and what that does to its outputs; no times: they differ at every build."""
    return {
        "choice": preparation.choice,
        "onnxruntime": preparation.onnxruntime,
        "quantize": preparation.quantize if preparation.digest else None,
        "difference": preparation.difference,
        "quantized_difference": preparation.quantized_difference,
        "tolerance": tolerances.of(info),
    }


def _place(model: Model, place: PurePosixPath) -> dict[str, str]:
    """Say where a model's file is: in the bundle, or on the file system by its absolute path."""
    if isinstance(model.origin, EfsOrigin):
        return {"root": "", "path": model.origin.path}
    return {
        "root": place.parts[0],
        "path": PurePosixPath(*place.parts[1:], model.name, model.path.name).as_posix(),
    }


def _remote(model: Model, info: ModelInfo) -> dict[str, Any] | None:
    """Say what a model that does not ship is made of: objects of S3, or files of the file system."""
    if isinstance(model.origin, S3Origin):
        files = [
            {
                "name": file.name,
                "key": file.object.key,
                "version": file.object.version,
                "etag": file.object.etag,
                "bytes": file.object.bytes,
                "digest": file.digest,
            }
            for file in model.origin.files
        ]
        return {"bucket": model.origin.bucket, "region": model.origin.region, "files": files}
    if isinstance(model.origin, EfsOrigin):
        folder = model.path.parent
        return {
            "files": [
                {"name": file.relative_to(folder).as_posix(), "bytes": file.stat().st_size} for file in info.files
            ]
        }
    return None


def _model(model: Model, info: ModelInfo, preparation: Preparation, place: PurePosixPath) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "format": f"slsdeploy_runtime.formats.{info.format}",
        **_place(model, place),
        "digest": info.digest,
        "made": preparation.digest,
        "bytes": preparation.bytes,
        "batch": info.batch,
        "max_batch": model.max_batch,
        "preparation": _preparation(info, preparation),
        "session": candidates.BY_NAME[preparation.choice].session,
        "load": model.load,
        "timeout": model.timeout,
        "fallback": _fallback(model),
        "remote": _remote(model, info),
        "inputs": [asdict(tensor) for tensor in info.inputs],
        "outputs": [asdict(tensor) for tensor in info.outputs],
    }

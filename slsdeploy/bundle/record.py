"""bundle.json: what a finished bundle is, beside it, so that the next build can see that there is nothing to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slsdeploy.results.prepare import Built
from slsdeploy.space import CutMade, Slimmed, Space
from slsdeploy.types import Archive, Bundle, Measured, ModelInfo, Part, Preparation, Tensor

if TYPE_CHECKING:
    from slsdeploy.oci import Assembled

FILE = "bundle.json"


def describe(bundle: Bundle) -> Built:
    """Return what `build` answers."""
    return Built(
        package=bundle.package,
        digest=bundle.digest,
        parts=[
            {
                "name": part.name,
                "digest": part.digest,
                "files": part.files,
                "bytes": part.bytes,
                "compressed_bytes": part.compressed_bytes,
            }
            for part in bundle.parts
        ],
        unzipped_bytes=bundle.unzipped_bytes,
        path=str(bundle.path),
        models=[
            {
                "name": item.model,
                "preparation": item.choice,
                "onnxruntime": item.onnxruntime,
                "optimize": item.optimize,
                "quantize": item.quantize,
                "bytes": item.bytes,
                "difference": item.difference,
                "quantized_difference": item.quantized_difference,
                "candidates": [asdict(row) for row in item.measured],
            }
            for item in bundle.preparations
        ],
        notes=bundle.notes,
        space=[asdict(row) for row in bundle.space],
        slimmed=_slimmed(bundle.slimmed),
        sbom=str(bundle.sbom),
    )


def _slimmed(found: Slimmed) -> dict[str, Any]:
    return {**asdict(found), "bytes": found.bytes}


def write(bundle: Bundle, key: str, folder: Path) -> None:
    """Write the record into a bundle's folder; `key` is the digest of all that the bundle was made from."""
    document = {**asdict(describe(bundle)), "key": key, "bundle": asdict(bundle)}
    (folder / FILE).write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")


def read(folder: Path, key: str) -> Bundle | None:
    """Return the bundle in the folder if it was made from the same, and still is what it was."""
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        bundle = _bundle(document["bundle"])
        is_whole = all(archive.path.stat().st_size == archive.bytes for archive in bundle.archives)
        is_whole = is_whole and (bundle.image is None or bundle.image.is_whole()) and bundle.sbom.is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_same = document["key"] == key and bundle.path == folder
    is_there = is_whole and all((part.tree / top).is_dir() for part in bundle.parts for top in _tops(part))
    return bundle if is_same and is_there else None


def package(folder: Path) -> str:
    """Return how the bundle in the folder is packaged, whatever it was made from; "" when there is none."""
    try:
        return str(json.loads((folder / FILE).read_text(encoding="utf-8"))["package"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _tops(part: Part) -> set[str]:
    return {path.split("/", 1)[0] for path, _ in part.largest}


def _bundle(said: dict[str, Any]) -> Bundle:
    return Bundle(
        **{
            **said,
            "path": Path(said["path"]),
            "parts": tuple(_part(item) for item in said["parts"]),
            "archives": tuple(_archive(item) for item in said["archives"]),
            "models": tuple(model_info(item) for item in said["models"]),
            "notes": tuple(said["notes"]),
            "preparations": tuple(preparation(item) for item in said["preparations"]),
            "image": _image(said["image"]),
            "space": tuple(Space(**row) for row in said["space"]),
            "slimmed": slimmed(said["slimmed"]),
        }
    )


def slimmed(said: Mapping[str, Any]) -> Slimmed:
    """Return a Slimmed from the JSON of its fields."""
    return Slimmed(**{**said, "cuts": tuple(CutMade(**cut) for cut in said["cuts"])})


def _part(said: dict[str, Any]) -> Part:
    largest = tuple((path, size) for path, size in said["largest"])
    return Part(**{**said, "tree": Path(said["tree"]), "largest": largest})


def _image(said: dict[str, Any] | None) -> Assembled | None:
    if said is None:
        return None
    from slsdeploy.oci import Assembled

    layers = tuple((name, digest, Path(path)) for name, digest, path in said["layers"])
    return Assembled(said["digest"], Path(said["folder"]), said["base"], layers)


def _archive(said: dict[str, Any]) -> Archive:
    return Archive(**{**said, "path": Path(said["path"]), "parts": tuple(said["parts"])})


def model_info(said: dict[str, Any]) -> ModelInfo:
    """Return a ModelInfo from the JSON of its fields."""
    tensors = {
        side: tuple(Tensor(item["name"], item["datatype"], tuple(item["shape"])) for item in said[side])
        for side in ("inputs", "outputs")
    }
    files = tuple(Path(file) for file in said["files"])
    return ModelInfo(**{**said, **tensors, "operators": tuple(said["operators"]), "files": files})


def preparation(said: dict[str, Any]) -> Preparation:
    """Return a Preparation from the JSON of its fields."""
    rows = tuple(Measured(**row) for row in said["measured"])
    return Preparation(**{**said, "measured": rows, "notes": tuple(said["notes"])})

"""The archive of `docker save` -> an image as ours are: gzipped layers, a configuration without times, one manifest.

Layers that the base has are the base's own blobs, which need not be sent again; the others are gzipped once and kept by what they
unpack to. An archive may name blobs as Docker has since 25 (blobs/sha256/...) or as before (.../layer.tar), packed or not.
"""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from slsdeploy import assets
from slsdeploy.bundle import image, layer
from slsdeploy.errors import BuildError, ToolError
from slsdeploy.targets import ENTRY

if TYPE_CHECKING:
    from slsdeploy.bundle.layer import Layer
    from slsdeploy.oci import Assembled, Base
    from slsdeploy.types import Project

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
# what a configuration may say of how it is run; the rest is the engine's own:
# https://github.com/opencontainers/image-spec/blob/main/config.md
_SETTINGS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal")


def assemble(archive: Path, project: Project, names: Sequence[str], folder: Path) -> tuple[Assembled, dict[str, Layer]]:
    """Write the image's manifest.json and config.json into a folder; return its layers that are not the base's, by name.

    `names` are those of the uppermost layers. Raises BuildError for an image that Lambda would not run.
    """
    with tarfile.open(archive) as opened:
        try:
            (said,) = json.load(_member(opened, "manifest.json"))
            config = json.load(_member(opened, said["Config"]))
            diff_ids: list[str] = config["rootfs"]["diff_ids"]
        except (KeyError, ValueError, TypeError) as error:
            raise ToolError(f"what the engine saved is no image: {error}", where=archive.name) from error
        _check(config, project)
        below = _below(project.base, diff_ids)
        above = list(zip(diff_ids, said["Layers"], strict=True))[len(below) :]
        named = _named(names, len(above))
        made = {name: _layer(opened, name, *found) for name, found in zip(named, above, strict=True)}
    assembled = image.write(_configured(config, project.base), below, made, project.base if below else None, folder)
    return assembled, made


def _member(opened: tarfile.TarFile, name: str) -> IO[bytes]:
    found = opened.extractfile(name)
    assert found is not None, f"{name} is a file"
    return found


def _check(config: Mapping[str, Any], project: Project) -> None:
    wanted = image.ARCHITECTURES[project.target.architecture]
    if config.get("architecture") != wanted:
        message = f"the engine built for {config.get('architecture')}, the function is for {wanted}"
        raise BuildError(message, "set `architecture`, or build where the engine can emulate it", "[image]")
    command = (config.get("config") or {}).get("Cmd") or []
    if command != [ENTRY]:
        message = f"the image's command is {json.dumps(command)}; Lambda is to call {ENTRY}"
        raise BuildError(message, f'end the Dockerfile with CMD ["{ENTRY}"]', "[image]")


def _below(base: Base | None, diff_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the base's layers as its manifest has them, if the image is built upon them."""
    if base is None:
        return []
    theirs = list(base.config["rootfs"]["diff_ids"])
    return list(base.manifest.document["layers"]) if diff_ids[: len(theirs)] == theirs else []


def _named(names: Sequence[str], count: int) -> list[str]:
    """Name the uppermost layers; those below are the Dockerfile's, counted."""
    known = list(names)[-count:] if count else []
    return [f"dockerfile-{number}" for number in range(1, count - len(known) + 1)] + known


def _layer(opened: tarfile.TarFile, name: str, diff_id: str, member: str) -> Layer:
    """Return a layer of the archive gzipped; one that was gzipped before is not even read."""
    shelf = assets.cache_dir() / "images" / "layers"
    path = shelf / f"{diff_id.removeprefix('sha256:')}.tar.gz"
    kept = layer.read(path, path.with_suffix(".json"))
    if kept is not None and kept.diff_id == diff_id:
        return kept
    shelf.mkdir(parents=True, exist_ok=True)
    draft = shelf / f".draft-{os.getpid()}"
    try:
        with _member(opened, member) as packed, draft.open("wb") as stream:
            made = layer.compress(
                _unpacked(packed), opened.getmember(member).size, stream, path, stored=name == "model"
            )
        if made.diff_id != diff_id:
            raise ToolError(f"the engine saved a layer that is not {diff_id}", "build again", member)
        return layer.keep(made, draft, path.with_suffix(".json"))
    finally:
        draft.unlink(missing_ok=True)


def _unpacked(packed: IO[bytes]) -> Iterator[bytes]:
    """Yield a layer's tar; some engines save it gzipped."""
    is_packed = packed.read(len(_GZIP)) == _GZIP
    packed.seek(0)
    with gzip.open(packed) if is_packed else packed as stream:
        while block := stream.read(_BLOCK):
            yield block


def _configured(config: Mapping[str, Any], base: Base | None) -> dict[str, Any]:
    """Return the configuration without what differs from build to build; with Lambda's client, when nothing else is started."""
    settings = {key: value for key, value in (config.get("config") or {}).items() if key in _SETTINGS and value}
    history = [
        {key: value for key, value in each.items() if key in ("created_by", "comment", "empty_layer")}
        for each in config.get("history") or ()
    ]
    return {
        **{key: config[key] for key in ("variant",) if key in config},
        "architecture": config["architecture"],
        "os": "linux",
        "created": image.CREATED,
        "config": image.with_client(settings) if _has_no_start(settings, base) else settings,
        "rootfs": {"type": "layers", "diff_ids": list(config["rootfs"]["diff_ids"])},
        "history": [{"created": image.CREATED, **each} for each in history],
    }


def _has_no_start(settings: Mapping[str, Any], base: Base | None) -> bool:
    """Say whether nothing is started, or what a base starts that knows nothing of Lambda."""
    start = settings.get("Entrypoint")
    if not start:
        return True
    theirs = (base.config.get("config") or {}).get("Entrypoint") if base and not base.has_runtime_client else None
    return bool(start == theirs)

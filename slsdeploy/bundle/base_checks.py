"""What a registry gave for a base -> an error if nothing for Lambda can be built upon it: its manifest, its configuration. Pure.

A registry takes any documents, and a reference may name a chart or a file as well as an image: nothing here is taken for granted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slsdeploy import oci
from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError

if TYPE_CHECKING:
    from slsdeploy.oci import Manifest, Reference
    from slsdeploy.types import Target

_ARCHITECTURES = {"arm64": "arm64", "x86_64": "amd64"}  # Go's words, which images use
# what our layers are written beside; others (zstd, those of Windows) Lambda is not known to take
_LAYERS = (oci.OCI_LAYER, oci.DOCKER_LAYER)
_OTHER = "set `architecture`, or another base in [image]"


def choose(index: Manifest, reference: Reference, target: Target) -> str:
    """Return the digest of an index's image for the target's architecture. Raises ProjectError when it has none."""
    wanted = ("linux", _ARCHITECTURES[target.architecture])
    entries = [each for each in index.document.get("manifests") or () if _is_descriptor(each)]
    for each in entries:
        if _platform(each) == wanted:
            return str(each["digest"])
    there = ", ".join(sorted({"/".join(_platform(each)) for each in entries} - {"unknown/unknown"}))
    message = f"{reference} has no image for {'/'.join(wanted)}"
    raise ProjectError(message, f"there is {there or 'none at all'}; {_OTHER}", FILE)


def _platform(entry: Mapping[str, Any]) -> tuple[str, str]:
    match entry.get("platform"):
        case {"os": str(system), "architecture": str(architecture)}:
            return system, architecture
    return "unknown", "unknown"


def check_manifest(manifest: Manifest, reference: Reference) -> None:
    """Raise ProjectError for a manifest that Lambda does not take."""
    if manifest.media_type not in oci.MANIFESTS:
        hint = "its media type must be OCI's manifest, or Docker's schema 2: push the base again with a newer client"
        raise ProjectError(f"{reference} has a manifest that Lambda does not take: {manifest.media_type}", hint, FILE)
    config, layers = manifest.document.get("config"), manifest.document.get("layers")
    if not _is_descriptor(config) or not isinstance(layers, list) or not all(_is_descriptor(each) for each in layers):
        raise _no_image(reference, "its manifest does not say what it is made of")
    strange = {each["mediaType"] for each in layers} - {*_LAYERS}
    if strange:
        hint = "layers must be tars with gzip: https://github.com/bazel-contrib/rules_oci/issues/777"
        raise ProjectError(f"{reference} has layers that Lambda may not take: {', '.join(sorted(strange))}", hint, FILE)


def _is_descriptor(said: object) -> bool:
    match said:
        case {"mediaType": str(), "digest": str(), "size": int()}:
            return True
    return False


def check_config(content: bytes, manifest: Manifest, reference: Reference, target: Target) -> None:
    """Raise ProjectError for a configuration that is none, or an image's of another architecture or Python."""
    try:
        config = json.loads(content)
    except ValueError:
        config = None
    match config:
        case {"architecture": str(found), "rootfs": {"diff_ids": [*diff_ids]}} if _is_settings(config.get("config")):
            pass
        case _:
            raise _no_image(reference, "its configuration is none of an image")
    if len(diff_ids) != len(manifest.document["layers"]):
        raise _no_image(reference, "its configuration and its manifest have not the same layers")
    wanted = _ARCHITECTURES[target.architecture]
    if found != wanted:  # a reference may name one image instead of an index
        raise ProjectError(f"{reference} is for {found}, the function for {wanted}", _OTHER, FILE)
    _check_python(config.get("config") or {}, reference, target)


def _is_settings(said: object) -> bool:
    match said:
        case None:
            return True
        case dict():
            return all(isinstance(each, str) for each in said.get("Env") or ())
    return False


def _check_python(settings: Mapping[str, Any], reference: Reference, target: Target) -> None:
    """Docker's images of Python say which it is: https://github.com/docker-library/python. Of others nothing is known."""
    variables = dict(each.partition("=")[::2] for each in settings.get("Env") or ())
    found = ".".join(variables.get("PYTHON_VERSION", target.python).split(".")[:2])
    if found != target.python:
        hint = "set `python`, or another base in [image]"
        raise ProjectError(f"{reference} has Python {found}, the function is for {target.python}", hint, FILE)


def _no_image(reference: Reference, why: str) -> ProjectError:
    return ProjectError(f"{reference} is no image to build upon: {why}", "name another base in [image]", FILE)

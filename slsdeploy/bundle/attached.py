"""Layers of others that the project attaches -> how large each is unzipped, asked once of AWS and pinned in the lock file.

A layer's version never changes, so a pin is true for ever. What AWS has is pinned in slsdeploy.lock; the local AWS has layers of its
own, so their pins are in the stage's work folder. Without a pin a size is not known, and nobody is asked here but by `settle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slsdeploy.bundle import lock, origins
from slsdeploy.errors import AwsError, ProjectError
from slsdeploy.layers import AttachedLayer

if TYPE_CHECKING:
    from slsdeploy.tools import Cloud, Tools
    from slsdeploy.types import Project

TABLE = "layer"
_GONE = frozenset({"ResourceNotFoundException", "404"})


def find(project: Project) -> Project:
    """Return the project with the sizes that are pinned. Asks nobody.

    Raises ProjectError when the lock file is damaged.
    """
    if not project.layers:
        return project
    pins = {pin.arn: pin for pin in lock.read_tables(origins.folder(project), TABLE, _pin)}
    return replace(project, layers=tuple(pins.get(layer.arn, layer) for layer in project.layers))


def settle(project: Project, tools: Tools, cloud: Cloud | None = None) -> Project:
    """Return the project with every size that can be known; `cloud` is asked for those that are not pinned.

    Raises ProjectError when there is no such layer, or it is of another region; with --locked, when one is not pinned.
    """
    found = find(project)
    unknown = [layer for layer in found.layers if layer.bytes is None]
    if cloud is None or not unknown:
        return found
    lock.insist(project, f"the size of the layer {unknown[0].arn} is not pinned")
    for layer in unknown:
        _check_region(layer, cloud)
    with tools.reporter.step("look at layers"):
        sizes = {layer.arn: _size(layer, cloud) for layer in unknown}
    _write(project, sizes)
    return find(project)


def _check_region(layer: AttachedLayer, cloud: Cloud) -> None:
    if layer.region != cloud.region:
        message = f"the layer {layer.arn} is in {layer.region}, the function in {cloud.region}: Lambda takes layers of its own region"
        hint = f"name the layer's ARN in {cloud.region}, or another for this stage ([stages.NAME] layers = [...])"
        raise ProjectError(message, hint, "layers")


def _size(layer: AttachedLayer, cloud: Cloud) -> int:
    try:
        return cloud.layer_size(layer.arn)
    except AwsError as refused:
        if refused.code not in _GONE:
            raise
        where = "the local AWS has" if cloud.endpoint else "there is"
        own = f"publish it there (`aws --endpoint-url {cloud.endpoint} lambda publish-layer-version`), or name one that is: "
        hint = (own if cloud.endpoint else "look at its number (`aws lambda list-layer-versions`); ") + (
            "a stage may have layers of its own ([stages.NAME] layers = [...])"
        )
        raise ProjectError(f"{where} no layer {layer.arn}", hint, "layers") from refused


def _write(project: Project, sizes: Mapping[str, int]) -> None:
    """Put pins into the lock file beside those of other stages."""
    folder = origins.folder(project)
    with lock.changing(folder):
        pinned = {pin.arn: pin.bytes for pin in lock.read_tables(folder, TABLE, _pin)}
        tables = [{"arn": arn, "unzipped_bytes": size} for arn, size in sorted({**pinned, **sizes}.items())]
        lock.put(folder, TABLE, tables)


def _pin(table: Mapping[str, Any]) -> AttachedLayer:
    return AttachedLayer(table["arn"], int(table["unzipped_bytes"]))

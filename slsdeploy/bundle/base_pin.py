"""The base of an image -> its pin in slsdeploy.lock, its manifest and configuration in the cache.

An index is resolved for the function's architecture. With pin and copies nothing is asked; `slsdeploy lock --upgrade` moves the pin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from slsdeploy import assets, oci
from slsdeploy.bundle import base_checks, base_choice, lock
from slsdeploy.errors import ToolError
from slsdeploy.oci import Base, Manifest, Reference
from slsdeploy.targets import image
from slsdeploy.tools import Tools
from slsdeploy.types import Project

TABLE = "image"


@dataclass(frozen=True, slots=True)
class Pin:
    """What a reference meant when it was resolved for an architecture."""

    base: str
    architecture: str
    digest: str


def find(project: Project) -> Project:
    """Return the project with its base, if that is pinned and copied.

    Raises ProjectError when the lock file is damaged.
    """
    pin = pinned(project)
    base = _read(pin) if pin else None
    return replace(project, base=base) if base else project


def settle(project: Project, tools: Tools) -> Project:
    """Return the project with its base pinned and copied.

    Raises ProjectError for a base that is none for Lambda, ToolError when the registry fails.
    """
    found = find(project)
    if found.base is not None:
        return found
    pin = pinned(project)
    if pin is None:
        lock.insist(project, f"the base {base_choice.named(project)} is not pinned for {project.target.architecture}")
    with tools.reporter.step(f"look at {pin.base if pin else base_choice.named(project)}"):
        try:
            base = _fetch(project, pin, tools)
        except ToolError as error:  # there may be another registry, that is pushed to
            error.message = f"the image's base {base_choice.named(project)} cannot be read: {error.message}"
            raise
    if pin is None:
        digest = oci.reference(base.reference).digest
        _write(project, Pin(base_choice.named(project), project.target.architecture, digest))
    return replace(project, base=base)


def _fetch(project: Project, pin: Pin | None, tools: Tools) -> Base:
    reference = oci.reference(base_choice.named(project))
    if pin is not None:
        reference = replace(reference, digest=pin.digest)
    manifest = _one(tools.images.manifest(reference), reference, project, tools)
    assets.write_atomically(
        _path(manifest.digest), manifest.content
    )  # what is wrong with it can then be told without asking again
    base_checks.check_manifest(manifest, reference)
    reference = replace(reference, digest=manifest.digest)
    config = tools.images.blob(reference, manifest.document["config"]["digest"])
    base_checks.check_config(config, manifest, reference, project.target)
    assets.write_atomically(_path(f"{manifest.digest}-config"), config)
    return Base(str(reference), manifest, json.loads(config))


def _one(found: Manifest, reference: Reference, project: Project, tools: Tools) -> Manifest:
    """Return the manifest for the project's architecture: what was found, or what an index names."""
    if found.media_type not in oci.INDEXES:
        return found
    digest = base_checks.choose(found, reference, project.target)
    return tools.images.manifest(replace(reference, digest=digest))


def forget(project: Project) -> None:
    """Take the pin out of the lock file, for `settle` to make it anew: what the tag names now. Locally there is none."""
    if project.config.package == image.NAME and not project.local:
        with lock.changing(project.root):
            mine = pinned(project)
            pins = lock.read_tables(project.root, TABLE, _pin)
            lock.put(project.root, TABLE, [_table(pin) for pin in pins if pin != mine])


def pinned(project: Project) -> Pin | None:
    """Return what the lock file says of the base.

    Raises ProjectError when it is damaged.
    """
    wanted = (base_choice.named(project), project.target.architecture)
    pins = lock.read_tables(project.root, TABLE, _pin)
    return next((pin for pin in pins if (pin.base, pin.architecture) == wanted), None)


def seen(project: Project) -> tuple[Reference, Manifest] | None:
    """Return the manifest of the base, when it is named by its digest (by the project, or the lock file) and was looked at before.

    Raises ProjectError when the lock file is damaged, or the base is no reference.
    """
    if not base_choice.is_wanted(project):
        return None
    pin, reference = pinned(project), oci.reference(base_choice.named(project))
    reference = replace(reference, digest=pin.digest if pin else reference.digest)
    try:
        content = _path(reference.digest).read_bytes()
        found = Manifest(oci.media_type_of(content), content)
    except (OSError, ValueError, AttributeError):
        return None
    return (reference, found) if found.digest == reference.digest else None


def _pin(table: Mapping[str, Any]) -> Pin:
    return Pin(table["base"], table["architecture"], table["digest"])


def _write(project: Project, pin: Pin) -> None:
    """Put a pin into the lock file in place of the one of the same base and architecture; other stages may have others."""
    key = (pin.base, pin.architecture)
    with lock.changing(project.root):
        pins = {(each.base, each.architecture): each for each in lock.read_tables(project.root, TABLE, _pin)} | {
            key: pin
        }
        lock.put(project.root, TABLE, [_table(pins[key]) for key in sorted(pins)])


def _table(pin: Pin) -> dict[str, str]:
    return {"base": pin.base, "architecture": pin.architecture, "digest": pin.digest}


def _path(name: str) -> Any:
    return assets.cache_dir() / "images" / f"{name.removeprefix('sha256:')}.json"


def _read(pin: Pin) -> Base | None:
    try:
        content, config = (_path(name).read_bytes() for name in (pin.digest, f"{pin.digest}-config"))
        manifest = Manifest(oci.media_type_of(content), content)
        is_whole = manifest.digest == pin.digest and manifest.document["config"]["digest"] == oci.digest_of(config)
    except (OSError, ValueError, KeyError):
        return None
    if not is_whole:  # a copy was damaged
        return None
    return Base(str(replace(oci.reference(pin.base), digest=pin.digest)), manifest, json.loads(config))

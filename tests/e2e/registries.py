"""What the tests of registries share: a client that loses patience quickly."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.tools import Shell
from tests.fakes import FakeShell, FakeTask
from tests.oci_registry import OciServer

QUICK = Settings(connect=5, read=5, finish=5, pause=0.001, longest_pause=0.005, patience=20, chunk=40, settle=2)


def client(shell: Shell | None = None, **changes: Any) -> OciRegistry:
    return OciRegistry(shell or FakeShell(), settings=replace(QUICK, **changes))


def at(server: OciServer, repository: str = "a/b", tag: str = "v1") -> oci.Reference:
    return oci.Reference(server.host, repository, tag)


def push(server: OciServer, image: oci.Image, **changes: Any) -> oci.Pushed:
    """Push it to a/b:v1, and look whether the bar ends where it should."""
    task = FakeTask()
    done = client(**changes).push(image, at(server), task)
    assert task.amount == sum(each.descriptor.size for each in image.blobs)
    return done


def is_whole(server: OciServer, image: oci.Image, repository: str = "a/b", tag: str = "v1") -> bool:
    """Say whether all of an image is there, and its tag."""
    kept = server.blobs.get(repository, {})
    for each in image.blobs:
        digest = each.descriptor.digest
        if digest not in kept or oci.digest_of(kept[digest]) != digest:
            return False
    return server.manifests[repository].get(tag) == (image.manifest.media_type, image.manifest.content)


def is_tagged(server: OciServer, repository: str = "a/b") -> bool:
    """Say whether there is any manifest at all."""
    return bool(server.manifests.get(repository))


def noise(size: int) -> bytes:
    return os.urandom(size)

"""Lambda SnapStart: what is done before the snapshot of an initialised environment, and after each restore of it.

Imported only where there will be a snapshot. One snapshot becomes many environments, hours or days later: what must not be the same in
all of them (seeds) or no longer holds then (credentials, connections, secrets) is made anew. `uuid.uuid4`, `secrets` and `os.urandom`
ask the kernel each time and need nothing. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from time import perf_counter

from snapshot_restore_py import register_after_restore, register_before_snapshot

from slsdeploy_runtime import aws, secrets
from slsdeploy_runtime.manifest import Secret
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.telemetry import Telemetry

# A first run of a model takes 20 times as long as its later ones, a second twice, a third no more (measured).
WARM_UPS = 3


def prepare(models: Mapping[str, Model], wanted: Mapping[str, Secret], telemetry: Telemetry) -> None:
    """Register our hooks; to be called before the user's module is imported.

    Hooks run before the snapshot in reverse order and after a restore in order, so ours are the last before the
    one and the first after the other: the user's hooks find secrets and clients that are new already.
    """
    register_before_snapshot(_warm_up, models, telemetry)
    register_after_restore(_renew, wanted, telemetry)


def _warm_up(models: Mapping[str, Model], telemetry: Telemetry) -> None:
    """Do once what otherwise every copy would do in its first invocations: a snapshot holds it for nothing."""
    _ = telemetry.logger
    for model in models.values():
        for _ in range(WARM_UPS):
            model.warm_up()


def _renew(wanted: Mapping[str, Secret], telemetry: Telemetry) -> None:
    started = perf_counter()
    _reseed()
    aws.renew()
    secrets.load(wanted, aws.client)
    telemetry.restored(perf_counter() - started)


def _reseed() -> None:
    """Seed the generators that Python and numpy keep for everyone; a user's own one is for the user's own hook."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")  # imported on first use
    if numpy_random is not None:
        numpy_random.seed()

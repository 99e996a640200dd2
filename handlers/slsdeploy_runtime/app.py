"""handler(event, context): the only entry point of the Lambda function. Import it to start; read it to know in which order.

Everything at the top level runs once per execution environment: whatever fails here is an init error with its reason.
Models are loaded last, in a thread: one that takes longer than Lambda's init phase goes on loading, and the first request waits for it.

2026-11-21: weights are not read ahead while numpy and onnxruntime are imported. With 90 MB of weights mapped from an external file and
nothing in the page cache, a reading thread made the first answer later (393 ms instead of 452 on a fast disk, but 688 instead of 391 at
200 MB/s, 1,460 instead of 949 at 100 MB/s) and posix_fadvise changed nothing beyond noise: cold imports wait for the same disk.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from time import perf_counter
from typing import Any

from slsdeploy_runtime.threads import limit_openblas, threads

limit_openblas()

from slsdeploy_runtime import STARTED, aws, manifest, phases, secrets, user
from slsdeploy_runtime.dispatch import Dispatch
from slsdeploy_runtime.service import Service
from slsdeploy_runtime.store import Store
from slsdeploy_runtime.telemetry import Telemetry

phases.mark("imports")
_root = manifest.task_root()
if _root not in sys.path:
    sys.path.insert(0, _root)
_manifest = manifest.read(_root)
_telemetry = Telemetry(_manifest.name)
secrets.load(_manifest.secrets, aws.client)
phases.mark("settings")

_store = Store(_manifest.models, threads(), _telemetry, _manifest.model_memory)
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    import_module("slsdeploy_runtime.snapshot").prepare(_store.models, _manifest.secrets, _telemetry)

_service = Service(_store.models, user.load(_manifest.handler), _telemetry, aws.client, _manifest.name)
_service.output = _manifest.output
_dispatch = Dispatch(_manifest.events, _service)
phases.mark("events")
_store.start()
_telemetry.initialised(perf_counter() - STARTED)


def handler(event: Any, context: Any) -> Any:
    """Answer one Lambda event."""
    _store.context = context
    return _dispatch(event, context)

"""`idempotent = true` on the local AWS: what is delivered twice, at the same time, or again after its process was killed, is answered once."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LocalAws
from tests.e2e.test_pushed import Deployed, deploy  # noqa: F401

pytestmark = pytest.mark.e2e

Eventually = Callable[[Callable[[], Any]], Any]
# Says what it predicts; a request may take its time, or kill the process the first time.
HANDLER = """
import os, signal, time
from pathlib import Path


def preprocess(request):
    print("ASKED " + request.data["name"], flush=True)
    time.sleep(request.data.get("seconds", 0))
    return {"x": request.data["instances"]}
"""

"""However the local AWS ends, its functions end with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.local_lambda import eventually, local_lambda

pytestmark = pytest.mark.e2e

ECHO = """
import os, time
def handler(event, context):
    print("event", event, flush=True)
    time.sleep(event.get("sleep", 0))
    return {"pid": os.getpid()}
"""


def test_functions_die_with_the_local_aws(tmp_path: Path) -> None:
    """Killed, it ends nothing itself: the kernel does."""
    if sys.platform != "linux":
        pytest.skip("only Linux ends children with their parent")
    script = f"""
import sys, time
from pathlib import Path
from tests.e2e.local_lambda import local_lambda
with local_lambda(Path({str(tmp_path)!r})) as lab:
    lab.create("f", "import os\\ndef handler(event, context): return os.getpid()\\n")
    print(lab.ask("f"), flush=True)
    time.sleep(60)
"""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "handlers")])
    daemon = subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE
    )
    assert daemon.stdout is not None
    try:
        pid = int(daemon.stdout.readline())
        assert psutil.pid_exists(pid)
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()
    eventually(lambda: not psutil.pid_exists(pid))


def test_stopping_ends_what_still_runs_of_a_function_that_was_replaced(tmp_path: Path) -> None:
    with local_lambda(tmp_path) as own:
        own.create("busy", ECHO, Timeout=60)
        pid = own.ask("busy")["pid"]
        own.invoke("busy", {"sleep": 50}, invocation_type="Event")
        eventually(lambda: any("'sleep': 50" in line for line in own.log("/aws/lambda/busy")))
        own.client("lambda").delete_function(FunctionName="busy")
        own.functions.changed()
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)

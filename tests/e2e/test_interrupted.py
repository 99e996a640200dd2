"""`up` ended in the middle, by Ctrl-C, by a signal, or with the local AWS killed under it: nothing half-done stays, and `up` goes on.

What was built is kept for all tests here, so that each comes to its moment soon; one begins with nothing.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.effects.aws import Aws
from slsdeploy.local import daemon

IRIS = Path(__file__).parents[2] / "samples" / "iris"
pytestmark = pytest.mark.e2e


class Desk:
    """A project of its own, never built or deployed."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.root = folder / "iris"
        self.cache = cache
        shutil.copytree(IRIS, self.root, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
        (self.root / "handler.py").write_text("def postprocess(outputs):\n    return outputs\n")

    def up(self, *words: str) -> subprocess.Popen[str]:
        """Start `up` as a shell would: in a process group of its own, which Ctrl-C goes to."""
        argv = [sys.executable, "-m", "slsdeploy", "up", str(self.root), "--local", "-v", *words]
        return subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, bufsize=1
        )

    def goes_on(self) -> dict[str, Any]:
        """Run `up` again, to its end, which is a function that answers; see that no half of anything lies about."""
        again = self.up("--json")
        out, err = end(again)
        assert again.returncode == 0, out + err
        assert self.left() == []
        return dict(json.loads(out))

    def left(self) -> list[Path]:
        drafts = [path for folder in (self.root, self.cache) for path in folder.rglob(".draft-*")]
        return [*drafts, *self.root.rglob(".old-*"), *self.cache.rglob(".part-*")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which all that the project needs is made."""
    folder = tmp_path_factory.mktemp("built")
    desk = Desk(folder, folder / "cache")
    argv = [sys.executable, "-m", "slsdeploy", "build", str(desk.root), "--local"]
    environment = {**os.environ, "SLSDEPLOY_CACHE_DIR": str(desk.cache)}
    subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=120)
    return desk.cache


@pytest.fixture
def desk(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("SLSDEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(built))
    yield Desk(tmp_path, built)
    daemon.stop()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what it says until the words come."""
    assert process.stderr is not None
    said = ""
    while words not in said:
        line = process.stderr.readline()
        if not line:
            end(process)
            raise AssertionError(f"it ended without saying {words!r}:\n{said}")
        said += line


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and see how it ends."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = end(process)
    assert (process.returncode, out) == (130, ""), err
    assert err.endswith("interrupted; the same command goes on from here\n") and "Traceback" not in err, err


def test_ctrl_c_while_it_resolves_makes_and_packs(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.cache = tmp_path / "empty"
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(desk.cache))
    for step in ("locally the function runs", "resolve", "make code"):
        process = desk.up()
        if step == "locally the function runs":
            time.sleep(1)  # before it says anything
        else:
            wait_for(process, step)
            time.sleep(0.3)  # in the middle of what comes next
        interrupt(process)
        assert desk.left() == []
    assert desk.goes_on()["changed"] is True


def test_ctrl_c_at_each_step_in_turn(desk: Desk) -> None:
    """Each `up` gets a step further than the last; the stack goes on without us."""
    before = ("start the local AWS", "pack", "create bucket", "PublishLayerVersion")
    for step in (*before, "CreateChangeSet", "ExecuteChangeSet", "lambda:Invoke"):
        process = desk.up()
        wait_for(process, step)
        interrupt(process)
        assert desk.left() == []
    assert desk.goes_on()["version"] == "1"
    assert desk.goes_on()["changed"] is False


def test_ctrl_c_at_any_moment(desk: Desk) -> None:
    """Moments are drawn anew at each run; a failure shows which."""
    for _ in range(2):
        daemon.stop()
        shutil.rmtree(desk.root / ".slsdeploy", ignore_errors=True)
        process = desk.up()
        moment = random.uniform(0.1, 3.0)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGINT)
        out, err = end(process)
        # Before Python has its handler, a signal ends it silently; after the last step there is nothing left to interrupt.
        assert process.returncode in (130, -signal.SIGINT, 0), (moment, out, err)
        assert "Traceback" not in err or process.returncode == -signal.SIGINT, (moment, err)
        assert desk.left() == [], moment
        desk.goes_on()


def test_another_ctrl_c_while_it_cleans_up(desk: Desk) -> None:
    process = desk.up()
    wait_for(process, "pack")
    for _ in range(4):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)
    _, err = end(process)
    assert process.returncode == 130 and "Traceback" not in err
    desk.goes_on()


def test_a_cancelled_job_is_told_from_ctrl_c_and_json_stays_json(desk: Desk) -> None:
    process = desk.up("--json")
    wait_for(process, "resolve")
    process.send_signal(signal.SIGTERM)
    out, _ = end(process)
    assert process.returncode == 143
    error = json.loads(out)["error"]
    assert (error["type"], error["hint"]) == ("Interrupted", "the same command goes on from here")


def test_the_local_aws_killed_under_it(desk: Desk) -> None:
    process = desk.up()
    wait_for(process, "LogGroup")
    killed = daemon.find().pid
    os.kill(killed, signal.SIGKILL)
    out, err = end(process)
    assert (process.returncode, out) == (4, ""), err
    assert "error: the local AWS has gone away" in err and "hint: run the same command again" in err
    assert desk.goes_on()["changed"] is True
    assert daemon.find().pid != killed


def test_killed_itself_it_goes_on(desk: Desk) -> None:
    for step in ("start the local AWS", "pack", "PublishLayerVersion", "FunctionRole"):
        process = desk.up()
        wait_for(process, step)
        os.kill(process.pid, signal.SIGKILL)
        end(process)
        assert process.returncode == -signal.SIGKILL
    desk.goes_on()


def test_a_bucket_that_was_only_begun_is_finished(local_aws: Any) -> None:
    """Its policy is set last: without it the bucket would take requests without TLS for ever."""
    cloud = Aws("eu-central-1", local_aws.endpoint)
    bucket = cloud.observe("none").bucket
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert cloud.observe("none").has_bucket is False
    cloud.create_bucket(bucket)
    assert cloud.observe("none").has_bucket is True
    assert "aws:SecureTransport" in cloud.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]

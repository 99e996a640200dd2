"""`slsdeploy bench` as a user runs it: real processes of a built bundle, measured; its errors; nothing left when it is interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from slsdeploy.local.trial import find_share
from slsdeploy.local.trial.cpu import Share, cpu_seconds

IRIS = Path(__file__).parents[2] / "samples" / "iris"
PHASES = [
    "python",
    "client",
    "imports",
    "settings",
    "events",
    "engine",
    "session",
    "weights",
    "warm_up",
    "ready",
    "answer",
]
pytestmark = pytest.mark.e2e


@pytest.fixture
def project(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a sample; everything temporary of this test goes into a folder of its own."""
    root = tmp_path / "iris"
    shutil.copytree(IRIS, root, ignore=shutil.ignore_patterns(".slsdeploy"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return root


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "slsdeploy", "bench", str(project), *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def bench(project: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """Run it to its end; return its JSON document."""
    process = start(project, *words, "--json")
    try:
        out, err = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == code, out + err
    assert "Traceback (most recent call last)" not in err, err
    return dict(json.loads(out))


def test_a_cold_start_is_measured_phase_by_phase(project: Path, tmp_path: Path) -> None:
    found = bench(project, "--runs", "2", "--memory", "192,10240")
    assert [phase["name"] for phase in found["phases"]] == PHASES
    whole = [phase for phase in found["phases"] if not phase["part_of"]]
    starts = [phase["start_ms"] for phase in whole]
    assert starts == sorted(starts) and starts[0] == 0
    for sample in found["samples"]:
        assert all(took > 0 for took in sample["phases_ms"].values())
        assert sum(sample["phases_ms"].values()) == pytest.approx(sample["first_answer_ms"], abs=0.1)
    # with two runs the median of a sum is the sum of the medians
    assert sum(phase["median_ms"] for phase in whole) == pytest.approx(found["first_answer_ms"]["median"], abs=0.1)
    assert found["init_ms"]["median"] < found["first_answer_ms"]["median"]
    assert 0 < found["warm_ms"]["p50"] <= found["warm_ms"]["p90"] <= found["warm_ms"]["p99"]
    assert 30e6 < found["memory_bytes"]["first_answer"] <= found["memory_bytes"]["peak"] < 500e6
    assert {"numpy", "onnxruntime", "slsdeploy_runtime"} <= {package["package"] for package in found["imports"]}
    assert not {"awslambdaric", "site"} & {package["package"] for package in found["imports"]}
    small, large = found["sizes"]
    assert (small["memory"], large["memory"]) == (192, 10_240) and small["fits"] and large["fits"]
    assert small["first_answer_ms"] > 1.5 * large["first_answer_ms"]
    assert small["usd_per_million"] < large["usd_per_million"]
    page = Path(found["html"])
    assert page == project / ".slsdeploy/dev-local/bench.html"
    assert all(phase["label"] in page.read_text() for phase in whole)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_event_of_ones_own_and_a_page_elsewhere(project: Path, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"instances": [[7.0, 3.2, 4.7]]}))
    found = bench(project, "--runs", "1", "--event", str(event), "--html", str(tmp_path / "page.html"))
    assert any("is a refusal of the event" in note and "--event" in note for note in found["notes"])
    assert found["html"] == str(tmp_path / "page.html") and Path(found["html"]).is_file()


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("print('before it')\nif os.environ.get('_HANDLER'): raise RuntimeError('no luck today')", "no luck today"),
        ("print('before it', flush=True)\nif os.environ.get('_HANDLER'): os._exit(3)", "exit status 3"),
        ("def preprocess(request):\n    print('before it')\n    raise OSError('the disk is full')", "the disk is full"),
        ("def preprocess(request):\n    print('before it', flush=True)\n    os.kill(os.getpid(), 9)", "signal: killed"),
    ],
    ids=["raises at import", "exits at import", "raises on the event", "dies on the event"],
)
def test_a_function_that_fails_is_an_error_with_the_end_of_its_log(project: Path, handler: str, message: str) -> None:
    (project / "handler.py").write_text(f"import os\n{handler}\ndef postprocess(outputs):\n    return outputs\n")
    error = bench(project, "--runs", "1", code=3)["error"]
    assert error["type"] == "BuildError" and message in error["message"], error
    log = error["message"].partition("its log ends with")[2]
    assert "before it" in log or 'handler.py", line ' in log, error
    assert error["hint"]


@pytest.mark.parametrize(
    ("words", "where"),
    [(["--runs", "0"], "--runs"), (["--memory", "abc"], "--memory"), (["--event", "/not/there"], "/not/there")],
)
def test_bad_options_are_refused_before_anything_is_built(project: Path, words: list[str], where: str) -> None:
    assert bench(project, *words, code=2)["error"]["where"] == where
    assert not (project / ".slsdeploy").exists()


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    assert bench(tmp_path, code=2)["error"]["message"] == "no slsdeploy.toml here"


@pytest.mark.parametrize("words", [[], ["--memory", "256"]], ids=["cold starts", "memory sizes"])
def test_ctrl_c_leaves_nothing(
    project: Path, tmp_path: Path, words: list[str], eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    bench(project, "--runs", "1")
    process = start(project, "--runs", "1000" if not words else "1", *words)
    groups = Path("/sys/fs/cgroup")
    if words:
        assert process.stderr is not None
        while "what the imports cost" not in process.stderr.readline():
            assert process.poll() is None
    children = eventually(lambda: psutil.Process(process.pid).children(recursive=True))
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err, err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert list((tmp_path / "tmp").glob("slsdeploy-trial-*")) == []
    assert [path for path in groups.glob(f"**/slsdeploy-bench-{process.pid}-*") if path.is_dir()] == []


SPIN = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no signal that stops a process")
def test_a_process_is_kept_to_its_share_by_stopping_it() -> None:
    import asyncio

    async def held() -> float:
        process = subprocess.Popen([sys.executable, "-c", SPIN])
        holding = asyncio.ensure_future(Share(0.25, "signals").hold(process.pid))
        try:
            await asyncio.sleep(0.5)  # it starts
            before, began = cpu_seconds(process.pid), time.perf_counter()
            await asyncio.sleep(1)
            return (cpu_seconds(process.pid) - before) / (time.perf_counter() - began)
        finally:
            holding.cancel()
            process.kill()
            process.wait()

    assert 0.1 < asyncio.run(held()) < 0.32


def test_a_process_is_kept_to_its_share_by_a_control_group() -> None:
    with find_share(0.25) as share:
        if share.how != "cgroup":
            pytest.skip("no control group can be made here")
        join = f"import os\nfor path in {[str(g) for g in share.groups]}: open(path, 'w').write(str(os.getpid()))\n"
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", join + SPIN])
        try:
            time.sleep(0.5)
            before, began = cpu_seconds(process.pid), time.perf_counter()
            time.sleep(1)
            used = (cpu_seconds(process.pid) - before) / (time.perf_counter() - began)
        finally:
            process.kill()
            process.wait()
        assert 0.1 < used < 0.32
    assert not share.groups[0].parent.exists()

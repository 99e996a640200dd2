"""A warm prediction's rate: our Function URL beside AWS's own emulator, same bundle, same interpreter, same client, in turns.

The bundle is that of `samples/iris`, built here. AWS's Runtime Interface Emulator comes inside the `aws-sam-cli` wheel, which is
fetched once. The client waits for each answer; the emulator knows no URLs, so it
is handed the event that our URL makes of the client's request.

    python benchmarks/function_url.py [--rie PATH] [--requests N] [--rounds N]
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slsdeploy.local.functions.url_event import HttpRequest, Site, make_event  # noqa: E402
from tests.e2e.emulator import HANDLER, PATH, emulator, find_emulator  # noqa: E402
from tests.e2e.local_lambda import REGION, Lab, local_lambda  # noqa: E402

RUNTIME = "python3.13"
BODY = json.dumps({"inputs": {"measurements": [[5.1, 3.5, 1.4, 0.2]]}}).encode()
TYPE = {"Content-Type": "application/json"}


def rate(port: int, path: str, requests: int, body: bytes) -> float:
    """Return requests per second of one client that waits for each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    begun = time.perf_counter()
    for _ in range(requests):
        connection.request("POST", path, body, TYPE)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200 and b"outputs" in content, (answer.status, content)
    took = time.perf_counter() - begun
    connection.close()
    return requests / took


def rate_elsewhere(port: int, path: str, requests: int, body: bytes) -> float:
    """Do so in a process of its own, or the client would share an interpreter with the server."""
    argv = [sys.executable, __file__, "--load", str(port), "--path", path, "--requests", str(requests)]
    return float(subprocess.run(argv, input=body, check=True, capture_output=True).stdout)


def build(folder: Path) -> Path:
    """Build the sample's bundle; return the folder with `task` and `opt` in it."""
    project = folder / "iris"
    shutil.copytree(ROOT / "samples" / "iris", project, ignore=shutil.ignore_patterns(".slsdeploy"))
    argv = [sys.executable, "-m", "slsdeploy", "build", str(project), "--local", "--json"]
    done = subprocess.run(argv, check=True, capture_output=True, cwd=ROOT)
    return Path(json.loads(done.stdout)["path"])


def zip_of(folder: Path) -> bytes:
    """Return everything in a folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def deploy(lab: Lab, bundle: Path, environment: dict[str, str]) -> int:
    """Make the function; return the port of its URL."""
    client = lab.client("lambda")
    # moto takes no upload of this size in a request: by way of a bucket, as slsdeploy does.
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="bundle", CreateBucketConfiguration={"LocationConstraint": REGION})
    for part in ("task", "opt"):
        s3.put_object(Bucket="bundle", Key=part, Body=zip_of(bundle / part))
    layer = client.publish_layer_version(LayerName="opt", Content={"S3Bucket": "bundle", "S3Key": "opt"})
    client.create_function(
        FunctionName="bench",
        Role=lab.role,
        Runtime=RUNTIME,
        Handler=HANDLER,
        MemorySize=1769,
        Timeout=30,
        Code={"S3Bucket": "bundle", "S3Key": "task"},
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": environment},
    )
    lab.functions.changed()
    return int(lab.functions.open_url(REGION, "bench", None, "NONE").rsplit(":", 1)[1].strip("/"))


def compare(ours: int, theirs: int, requests: int, rounds: int) -> None:
    """Measure both in turns; print the rates side by side."""
    headers = [
        ("Host", "127.0.0.1"),
        *TYPE.items(),
        ("Accept-Encoding", "identity"),
        ("Content-Length", str(len(BODY))),
    ]
    event = make_event(
        HttpRequest("POST", "/predict", "", headers, BODY, "127.0.0.1"), Site("a" * 32, REGION, ours), None
    )
    rate(ours, "/predict", 200, BODY)
    rate(theirs, PATH, 200, json.dumps(event).encode())
    print("round   function URL /s   RIE /s   ratio")
    ratios = []
    for number in range(rounds):
        a = rate_elsewhere(ours, "/predict", requests, BODY)
        b = rate_elsewhere(theirs, PATH, requests, json.dumps(event).encode())
        ratios.append(a / b)
        print(f"{number + 1:5}   {a:14.0f}   {b:6.0f}   {a / b:5.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} (wanted: at least 0.50)")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rie", type=Path, help="AWS's emulator, when it is there already")
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--load", type=int, help=argparse.SUPPRESS)
    options.add_argument("--path", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.load:
        print(rate(chosen.load, chosen.path, chosen.requests, sys.stdin.buffer.read()))
        return
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    rie = chosen.rie or find_emulator()
    settings = {
        "POWERTOOLS_SERVICE_NAME": "iris",
        "POWERTOOLS_METRICS_NAMESPACE": "slsdeploy",
        "SLSDEPLOY_STAGE": "dev",
    }
    with tempfile.TemporaryDirectory() as temporary, local_lambda(Path(temporary)) as lab:
        bundle = build(Path(temporary))
        ours = deploy(lab, bundle, settings)
        workshop = lab.functions._workshop
        interpreter = workshop.interpreter(RUNTIME)
        runtime = workshop.managed.folder(interpreter)
        with emulator(bundle, interpreter, [runtime], settings, rie) as theirs:
            compare(ours, theirs.port, chosen.requests, chosen.rounds)


if __name__ == "__main__":
    main()

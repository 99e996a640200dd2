"""Functions whose models do not ship: from S3 and from a file system, started as Lambda starts them; what they import, log and measure."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import digests, manifest, remote
from slsdeploy_runtime.s3_answer import FetchError
from tests.runtime import bundles, s3_server
from tests.runtime.s3_server import S3

RUNTIME = Path(__file__).parents[2] / "handlers"
ASK = """
import json, sys
from slsdeploy_runtime import app
class Context:
    aws_request_id = "1"
print(json.dumps({"answer": app.handler({"inputs": {"x": [[1, 2]]}}, Context()), "modules": sorted(sys.modules)}))
"""


@pytest.fixture
def s3() -> Iterator[S3]:
    with s3_server.running() as running:
        yield running


def in_s3(task: Path, s3: S3) -> None:
    """Move a bundle's model to S3 and describe it there."""
    path = task.parent / "opt/models/double/double.onnx"
    content = path.read_bytes()
    path.unlink()
    digest = hashlib.sha256(content).hexdigest()
    etag = s3.put("weights/double.onnx", content)
    file = {"name": "double.onnx", "key": "double.onnx", "version": "", "etag": etag, "bytes": len(content)}
    described = {"bucket": "weights", "region": "eu-west-1", "files": [{**file, "digest": digest}]}
    change(task, remote=described, digest=digest)


def change(task: Path, **keys: Any) -> None:
    document = json.loads((task / "slsdeploy.json").read_bytes())
    document["models"][0].update(keys)
    (task / "slsdeploy.json").write_text(json.dumps(document))


def ask(task: Path, s3: S3) -> subprocess.CompletedProcess[str]:
    (task.parent / "tmp").mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONPATH": str(RUNTIME),
        "TMPDIR": str(task.parent / "tmp"),
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }
    command = [sys.executable, "-W", "error", "-c", ASK]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_model_in_s3_answers_and_says_what_it_took(tmp_path: Path, s3: S3) -> None:
    task = bundles.write(tmp_path)
    in_s3(task, s3)
    begun, done, metrics, said = lines(ask(task, s3))
    assert said["answer"] == {"outputs": {"y": [[2.0, 4.0]]}}
    assert (begun["message"], begun["bytes"], begun["source"]) == (
        "model download",
        len(s3.objects["weights/double.onnx"]),
        "s3://weights/double.onnx",
    )
    assert (done["message"], done["retries"]) == ("model downloaded", 0)
    assert 0 < metrics["ModelDownloadTime"][0] <= metrics["ModelLoadTime"][0]
    assert s3.asked[0].headers["x-amz-security-token"] == "token"


def test_it_needs_no_aws_client(tmp_path: Path, s3: S3) -> None:
    task = bundles.write(tmp_path)
    in_s3(task, s3)
    *_, said = lines(ask(task, s3))
    # the package itself is looked at by Powertools' Logger
    never = {"boto3", "botocore.session", "botocore.auth", "urllib3", "requests", "asyncio"}
    assert never & set(said["modules"]) == set()


def test_a_model_that_ships_brings_nothing_of_it(tmp_path: Path, s3: S3) -> None:
    *_, said = lines(ask(bundles.write(tmp_path), s3))
    ours = {f"slsdeploy_runtime.{name}" for name in ("remote", "s3_request", "s3_answer", "s3_download", "model_cache")}
    assert not ours & set(said["modules"]) and "http.client" not in said["modules"]


def test_one_that_was_fetched_before_is_loaded_from_tmp_without_asking(tmp_path: Path, s3: S3) -> None:
    task = bundles.write(tmp_path)
    in_s3(task, s3)
    ask(task, s3)
    asked = len(s3.asked)
    metrics, said = lines(ask(task, s3))
    assert said["answer"] == {"outputs": {"y": [[2.0, 4.0]]}}
    assert "ModelDownloadTime" not in metrics
    assert "http.client" not in said["modules"]
    assert len(s3.asked) == asked


def test_one_that_cannot_be_had_is_an_init_error_and_the_next_environment_starts(tmp_path: Path, s3: S3) -> None:
    task = bundles.write(tmp_path)
    in_s3(task, s3)
    s3.faults.always = (403, "AccessDenied")
    refused = ask(task, s3)
    assert refused.returncode != 0
    assert "FetchError: s3://weights/double.onnx cannot be read: S3 answered 403 AccessDenied: the function's role" in (
        refused.stderr
    )
    s3.faults.always = None
    assert lines(ask(task, s3))[-1]["answer"] == {"outputs": {"y": [[2.0, 4.0]]}}


def test_a_model_on_a_file_system_is_loaded_from_there(tmp_path: Path, s3: S3) -> None:
    task = bundles.write(tmp_path)
    path = on_file_system(task)
    *_, said = lines(ask(task, s3))
    assert said["answer"] == {"outputs": {"y": [[2.0, 4.0]]}}
    assert "slsdeploy_runtime.s3_download" not in said["modules"]
    path.unlink()
    gone = ask(task, s3)
    assert f"FetchError: model 'double' is not on the file system: {path}: No such file or directory" in gone.stderr


def on_file_system(task: Path) -> Path:
    """Move a bundle's model to what stands for a mounted file system; return where it is."""
    path = task.parent / "mnt/double.onnx"
    path.parent.mkdir()
    (task.parent / "opt/models/double/double.onnx").rename(path)
    size, digest = path.stat().st_size, digests.of_file(path)
    change(task, remote={"files": [{"name": path.name, "bytes": size}]}, digest=digest, root="", path=str(path))
    return path


def test_another_file_than_was_built_with_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = bundles.write(tmp_path)
    path = on_file_system(task)
    (entry,) = manifest.read(task).models
    assert remote.fetch(entry) == path
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(
        FetchError, match=f"has {len(content) + 1} bytes, the model that was built with has {len(content)}: "
    ):
        remote.fetch(entry)
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(
        FetchError, match=rf"has the sha256 \w{{64}}, the model that was built with {entry.digest}: copy the"
    ):
        remote.fetch(entry)
    monkeypatch.setattr(remote, "HASHED", 10)  # too large to be read twice
    assert remote.fetch(entry) == path

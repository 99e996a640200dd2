"""Tables on the local AWS: what is put into the bucket is predicted row by row by the real function, with its permissions as deployed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.building import save_model
from tests.e2e.conftest import LocalAws

pytestmark = pytest.mark.e2e

Eventually = Callable[[Callable[[], Any]], Any]
ROWS = 100_000
BAD = {7: b"1\n", 500: b"one,two\n", 99_998: b"1,\xff\n"}


def slsdeploy(*words: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "slsdeploy", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_a_large_table_is_predicted_row_by_row(local_aws: LocalAws, tmp_path: Path, eventually: Eventually) -> None:
    name = local_aws.name("tables").replace("_", "-")
    folder = tmp_path / name
    folder.mkdir()
    save_model(folder / "model.onnx", factor=2.0)
    settings = (
        f'name = "{name}"\nmodel = "model.onnx"\nmemory = 256\n[[trigger]]\ntype = "s3"\nmaximum_retry_attempts = 0\n'
    )
    (folder / "slsdeploy.toml").write_text(settings, encoding="utf-8")
    bucket = slsdeploy("up", str(folder), "--local")["outputs"]["Bucket"]
    s3 = local_aws.client("s3")

    def written() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="output/").get("Contents", [])]

    rows = [BAD.get(line, b"%d,0.5\n" % line) for line in range(2, ROWS + 2)]
    s3.put_object(Bucket=bucket, Key="input/each day/höhe 1.csv", Body=b"".join([b"width,height\n", *rows]))
    result = "output/input/each day/höhe 1.csv.jsonl"
    eventually(lambda: result in written())
    assert written() == ["output/input/each day/höhe 1.csv.errors.jsonl", result]
    answers = s3.get_object(Bucket=bucket, Key=result)["Body"].read().splitlines()
    assert [json.loads(answers[index]) for index in (0, -1)] == [
        {"line": line, "predictions": [[line * 2.0, 0.5]]} for line in (2, ROWS + 1)
    ]
    assert len(answers) == ROWS - len(BAD)
    errors = s3.get_object(Bucket=bucket, Key=written()[0])["Body"].read().splitlines()
    assert [json.loads(error)["line"] for error in errors] == [*BAD]

    s3.put_object(Bucket=bucket, Key="input/each day/höhe 1.csv", Body=b"width,height\n1,2\n")
    eventually(lambda: written() == [result])  # the errors of the run before are gone
    assert s3.get_object(Bucket=bucket, Key=result)["Body"].read() == b'{"line":2,"predictions":[[2.0,2.0]]}\n'
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []

    s3.put_object(Bucket=bucket, Key="input/broken.csv.gz", Body=b"1,2\n")
    url = slsdeploy("up", str(folder), "--local")["outputs"]["FailedEventsQueueUrl"]
    sqs = local_aws.client("sqs")
    eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert written() == [result]

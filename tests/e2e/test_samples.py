"""Each sample, end to end on the local AWS, with its data set's held-out rows: as accurate through the whole path as in memory."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SAMPLES = Path(__file__).parents[2] / "samples"
pytestmark = pytest.mark.e2e


@pytest.fixture
def up(local_aws: Any, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Copy a sample, deploy it, return what `up --json` says."""

    def deploy(sample: str) -> dict[str, Any]:
        project = tmp_path / sample
        shutil.copytree(SAMPLES / sample, project, ignore=shutil.ignore_patterns(".slsdeploy"))
        return slsdeploy("up", str(project), "--local")

    return deploy


def test_iris_over_http(up: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    rows = held_out("iris/held-out.csv")
    instances = [[float(value) for name, value in row.items() if name != "species"] for row in rows]
    up("iris")
    event = tmp_path / "rows.json"
    event.write_text(json.dumps({"inputs": {"measurements": instances}}))
    answer = slsdeploy("invoke", str(tmp_path / "iris"), "--local", "--url", "--event", str(event))
    labels = answer["payload"]["outputs"]["label"]
    right = sum(label == row["species"] for label, row in zip(labels, rows, strict=True))
    assert {"rows": len(rows), "accuracy": right / len(rows)} == expected("iris")


def test_wine_through_its_own_application(up: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    rows = held_out("wine/held-out.csv")
    wines = [{name: float(value) for name, value in row.items() if name != "cultivar"} for row in rows]
    up("wine")
    event = tmp_path / "rows.json"
    event.write_text(json.dumps(wines))
    guesses = slsdeploy("invoke", str(tmp_path / "wine"), "--local", "--url", "--event", str(event))["payload"]
    right = sum(guess["cultivar"] == row["cultivar"] for guess, row in zip(guesses, rows, strict=True))
    assert {"rows": len(rows), "accuracy": right / len(rows)} == expected("wine")
    direct = slsdeploy("invoke", str(tmp_path / "wine"), "--local")["payload"]["outputs"]
    assert set(direct["output_probability"][0]) == {"cultivar 1", "cultivar 2", "cultivar 3"}


def test_digits_from_s3_to_s3(
    up: Callable[[str], dict[str, Any]], local_aws: Any, eventually: Callable[..., Any]
) -> None:
    held_out = np.load(SAMPLES / "digits/held-out.npz")
    bucket = up("digits")["outputs"]["Bucket"]
    s3 = local_aws.client("s3")
    for index, image in enumerate(held_out["images"]):
        s3.put_object(Bucket=bucket, Key=f"input/{index}.png", Body=png(image))
    count = len(held_out["images"])
    eventually(lambda: len(keys(s3, bucket, "output/")) == count)
    answers = [
        json.loads(s3.get_object(Bucket=bucket, Key=f"output/input/{index}.png.json")["Body"].read())
        for index in range(count)
    ]
    right = sum(answer["digit"] == label for answer, label in zip(answers, held_out["labels"], strict=True))
    assert {"rows": count, "accuracy": right / count} == expected("digits")
    assert len(keys(s3, bucket, "")) == 2 * count  # no result was taken for an input


def test_diabetes_from_queue_to_queue(up: Callable[[str], dict[str, Any]], local_aws: Any, tmp_path: Path) -> None:
    rows = [[float(value) for value in row.values()] for row in held_out("diabetes/held-out.csv")]
    outputs = up("diabetes")["outputs"]
    sampled = slsdeploy("invoke", str(tmp_path / "diabetes"), "--local", "--sample", "sqs")
    assert sampled["payload"] == {"batchItemFailures": []}
    sqs = local_aws.client("sqs")
    sent: dict[str, float] = {}
    for start in range(0, len(rows), 10):
        entries = [
            {"Id": str(index), "MessageBody": json.dumps({"instances": [row[:-1]]})}
            for index, row in enumerate(rows[start : start + 10])
        ]
        accepted = sqs.send_message_batch(QueueUrl=outputs["QueueUrl"], Entries=entries)["Successful"]
        sent |= {item["MessageId"]: rows[start + int(item["Id"])][-1] for item in accepted}
    predicted: dict[str, float] = {}
    while len(predicted) < len(rows):
        messages = sqs.receive_message(
            QueueUrl=outputs["OutputQueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=10
        ).get("Messages")
        assert messages, f"only {len(predicted)} of {len(rows)} answers came"
        for message in messages:
            answer = json.loads(message["Body"])
            if answer["message_id"].startswith("sample-"):
                continue
            predicted[answer["message_id"]] = float(np.ravel(answer["predictions"][0])[0])
            sqs.delete_message(QueueUrl=outputs["OutputQueueUrl"], ReceiptHandle=message["ReceiptHandle"])
    truth = np.array([sent[message_id] for message_id in predicted])
    guess = np.array(list(predicted.values()))
    r2 = 1 - ((truth - guess) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert len(rows) == expected("diabetes")["rows"]
    assert r2 == pytest.approx(expected("diabetes")["r2"], abs=1e-6)


def test_three_models_in_one_function(up: Callable[[str], dict[str, Any]], local_aws: Any) -> None:
    function = Url(up("tables")["url"], local_aws)
    rows = {name: held_out(f"tables/held-out-{name}.csv") for name in ("tumour", "wine")}
    tables = {
        name: [[float(value) for value in list(row.values())[:-1]] for row in each] for name, each in rows.items()
    }
    for name in ("tumour", "tumour-quick", "wine"):  # the path names the model; two of them are loaded by this
        source = name.removesuffix("-quick")
        answer = function.post(f"/predict/{name}", {"inputs": {"measurements": tables[source]}})
        right = sum(label == row["label"] for label, row in zip(answer["outputs"]["label"], rows[source], strict=True))
        assert "fallback" not in answer
        assert {"rows": len(rows[source]), "accuracy": right / len(rows[source])} == expected("tables")[name]
    asked = function.post("/predict", {"model": "wine", "instances": tables["wine"][:1]})  # so does the body
    assert asked["predictions"][0]["label"] == rows["wine"][0]["label"]
    many = [tables["tumour"][index % len(tables["tumour"])] for index in range(25_000)]
    late = function.post("/predict/tumour", {"inputs": {"measurements": many}})
    assert late["fallback"] == {"model": "tumour-quick", "reason": "timeout"}
    quick = function.post("/predict/tumour-quick", {"inputs": {"measurements": many}})
    assert late["outputs"] == quick["outputs"]


class Url:
    """A function's URL, asked with signed requests."""

    def __init__(self, url: str, local_aws: Any) -> None:
        self._url = url.rstrip("/")
        self._credentials = Credentials("test", "test")
        self._region = local_aws.client("s3").meta.region_name

    def post(self, path: str, body: Any) -> Any:
        content = json.dumps(body, separators=(",", ":")).encode()
        signed = AWSRequest("POST", self._url + path, {"content-type": "application/json"}, content)
        SigV4Auth(self._credentials, "lambda", self._region).add_auth(signed)
        request = urllib.request.Request(self._url + path, content, dict(signed.headers))
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def slsdeploy(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "slsdeploy", *words, "--json"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def expected(sample: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / sample / "expected.json").read_text()))


def held_out(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader((SAMPLES / file).read_text().splitlines()))


def keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def png(image: Any) -> bytes:
    """Encode an array of grey values: https://www.w3.org/TR/png-3/#11Chunks."""
    height, width = image.shape
    lines = b"".join(b"\0" + bytes(row) for row in image)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)

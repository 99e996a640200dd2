"""The signature that the runtime computes is botocore's; where an object is asked for is where S3 (or a named endpoint) has it."""

from __future__ import annotations

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from slsdeploy_runtime import s3_request

NOW = 1_790_000_000.0


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("key", ["iris.onnx", "a b/ü+&=%20.onnx", "a//b/../c~*'().onnx", "$x@:,;?#.onnx"])
@pytest.mark.parametrize(("version", "token"), [("", ""), ("a+/=_-.~1", "token==")])
def test_a_signature_is_the_same_as_botocores(
    key: str, version: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_request.address("weights", key, version, "eu-west-1")
    ours = s3_request.signed(place, "eu-west-1", s3_request.Credentials("AKID", "secret", token), NOW)

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment)
    request = AWSRequest("GET", f"https://{place.host}{place.target}", headers={"host": place.host})
    botocore.auth.S3SigV4Auth(Credentials("AKID", "secret", token or None), "s3", "eu-west-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]


def test_where_an_object_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def where(bucket: str, region: str = "eu-west-1", version: str = "") -> str:
        place = s3_request.address(bucket, "a b.onnx", version, region)
        return f"{place.scheme}://{place.host}{place.target}"

    assert where("weights") == "https://weights.s3.eu-west-1.amazonaws.com/a%20b.onnx"
    assert where("my.weights") == "https://s3.eu-west-1.amazonaws.com/my.weights/a%20b.onnx"
    assert where("weights", "cn-north-1") == "https://weights.s3.cn-north-1.amazonaws.com.cn/a%20b.onnx"
    assert where("weights", version="v/1").endswith("?versionId=v%2F1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4580/")
    assert where("weights") == "http://127.0.0.1:4580/weights/a%20b.onnx"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://minio.local:9000/base")
    assert where("weights") == "https://minio.local:9000/base/weights/a%20b.onnx"


def test_a_function_with_snap_start_asks_for_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            body = json.dumps(
                {"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": "later"}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/2021/x?a=b")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
    assert s3_request.credentials() == s3_request.Credentials("a", "b", "c", "later")
    thread.join(5)
    server.server_close()
    assert asked == [("/2021/x?a=b", "secret")]


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(s3_request.NoCredentials, match="there are no AWS credentials"):
        s3_request.credentials()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x")
    with pytest.raises(s3_request.NoCredentials, match="ConnectionRefusedError"):
        s3_request.credentials()

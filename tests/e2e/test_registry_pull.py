"""Reading manifests and configurations from a registry: only what was asked for, checked, and something that we know."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slsdeploy import oci
from slsdeploy.errors import NoRepository, ToolError
from tests.e2e.registries import at, client, noise
from tests.fakes import FakeTask
from tests.images import image
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def server() -> Iterator[OciServer]:
    with registry() as made:
        yield made


@pytest.mark.parametrize(
    ("content_type", "content", "media_type"),
    [
        (oci.OCI_MANIFEST, image(b"x").manifest.content, oci.OCI_MANIFEST),
        (oci.OCI_INDEX, INDEX, oci.OCI_INDEX),
        (f"{oci.OCI_INDEX}; charset=utf-8", INDEX, oci.OCI_INDEX),
        (oci.DOCKER_INDEX, json.dumps({"schemaVersion": 2, "mediaType": oci.DOCKER_INDEX}).encode(), oci.DOCKER_INDEX),
        (
            "text/plain",
            json.dumps({"schemaVersion": 2, "mediaType": oci.DOCKER_MANIFEST}).encode(),
            oci.DOCKER_MANIFEST,
        ),
        ("application/json", INDEX, oci.OCI_INDEX),
        ("", b'{"schemaVersion": 2, "config": {}, "layers": []}', oci.OCI_MANIFEST),
    ],
)
def test_manifests_and_indexes(server: OciServer, content_type: str, content: bytes, media_type: str) -> None:
    server.manifests["a/b"] = {"v1": (content_type, content)}
    assert client().manifest(at(server)) == oci.Manifest(media_type, content)
    (asked,) = server.asked
    assert all(each in asked.headers["Accept"] for each in (*oci.MANIFESTS, *oci.INDEXES))


@pytest.mark.parametrize(
    ("content_type", "content", "told"),
    [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", b"{}", "is of Docker's schema 1"),
        ("application/json", b'{"schemaVersion": 1, "fsLayers": []}', "is of Docker's schema 1"),
        ("text/html", b"<html>Sign in</html>", "gave no manifest for .*: it is no JSON"),
        ("application/json", b"", "it is no JSON"),
        ("application/json", b"[]", "it is no JSON"),
        ("application/json", b"\xff\xfe", "it is no JSON"),
        ("application/json", b"{}", "is no image, but application/json"),
        (oci.OCI_CONFIG, b'{"schemaVersion": 2}', "is no image, but application/vnd.oci.image.config"),
        (
            oci.OCI_MANIFEST,
            b'{"mediaType": "application/vnd.oci.artifact.manifest.v1+json"}',
            "is no image, but .*artifact",
        ),
        (oci.OCI_MANIFEST, b" " * (4 * 1024 * 1024 + 1), "answered with more than 4,194,304 bytes"),
    ],
)
def test_what_is_no_image(server: OciServer, content_type: str, content: bytes, told: str) -> None:
    server.manifests["a/b"] = {"v1": (content_type, content)}
    with pytest.raises(ToolError, match=told) as raised:
        client().manifest(at(server))
    assert raised.value.hint


def test_a_digest_that_does_not_match(server: OciServer) -> None:
    asked = oci.Reference(server.host, "a/b", digest="sha256:" + "0" * 64)
    server.manifests["a/b"] = {asked.digest: (oci.OCI_MANIFEST, image(b"x").manifest.content)}
    server.blobs["a/b"] = {asked.digest: b"other"}
    for act in (lambda: client().manifest(asked), lambda: client().blob(asked, asked.digest)):
        with pytest.raises(ToolError, match=r"what 127.* gave for sha256:0+ does not match that digest"):
            act()
    said = {"Docker-Content-Digest": asked.digest, "Content-Type": oci.OCI_INDEX}
    server.faults = [Fault("GET", "v1", status=200, body=INDEX, headers=said)]
    with pytest.raises(ToolError, match="does not match that digest"):
        client().manifest(at(server))


def test_a_blob_that_is_no_configuration(server: OciServer) -> None:
    digest = server.add_blob("a/b", bytes(16 * 1024 * 1024 + 1))
    with pytest.raises(ToolError, match="answered with more than 16,777,216 bytes"):
        client().blob(at(server), digest)


@pytest.mark.parametrize("byte", [0, 1, 50, 99])
def test_an_answer_cut_at_any_byte(server: OciServer, byte: int) -> None:
    content = noise(100)
    digest = server.add_blob("a/b", content)
    server.faults = [Fault("GET", "blobs", times=2, cut_answer=byte)]
    assert client().blob(at(server), digest) == content
    server.faults = [Fault("GET", "blobs", times=99, cut_answer=byte)]
    with pytest.raises(ToolError, match=r"127.* cut the connection"):
        client().blob(at(server), digest)


@pytest.mark.parametrize("byte", [0, 1, 50, 99])
def test_a_blob_to_a_file_is_asked_on_where_it_was_cut(server: OciServer, tmp_path: Path, byte: int) -> None:
    content = noise(100)
    descriptor = oci.Descriptor(oci.OCI_LAYER, server.add_blob("a/b", content), 100)
    server.faults = [Fault("GET", "blobs", times=2, cut_answer=byte)]
    task = FakeTask()
    client().blob_to(at(server), descriptor, tmp_path / "blob", task)
    assert ((tmp_path / "blob").read_bytes(), task.amount) == (content, 100)


def test_a_blob_to_a_file_is_checked(server: OciServer, tmp_path: Path) -> None:
    digest = server.add_blob("a/b", b"other bytes")
    server.blobs["a/b"][digest] = b"wrong bytes"
    with pytest.raises(ToolError, match="digest does not match"):
        client().blob_to(at(server), oci.Descriptor(oci.OCI_LAYER, digest, 11), tmp_path / "blob", FakeTask())


def test_there_is_no_repository(server: OciServer) -> None:
    server.only = set()
    with pytest.raises(NoRepository):
        client().manifest(at(server))


def test_sent_round_in_circles(server: OciServer) -> None:
    digest = server.add_blob("a/b", b"x")
    server.elsewhere = f"http://{server.host}"
    with pytest.raises(ToolError, match=r"refuses to read the blob .* \(307\)"):
        client().blob(at(server), digest)


@pytest.mark.parametrize("url", ["http://evil.example/x", "ftp://evil.example/x", "//evil.example/x"])
def test_sent_to_plain_http_elsewhere(server: OciServer, url: str) -> None:
    digest = server.add_blob("a/b", b"x")
    server.faults = [Fault("GET", "blobs", status=307, headers={"Location": url})]
    with pytest.raises(ToolError, match=r"evil\.example is not asked by plain HTTP"):
        client().blob(at(server), digest)


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ToolError, match=f"no registry answers at {host}: Connection refused") as raised:
            client().manifest(oci.Reference(host, "a", "v1"))
    assert raised.value.hint and time.monotonic() - began < 5


def test_there_is_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ToolError, match=r"there is no host registry\.invalid"):
        client().manifest(oci.Reference("registry.invalid", "a", "v1"))


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"], ids=["silent", "after headers"]
)
def test_a_registry_that_says_no_more(drip: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                connection.sendall(drip)

        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ToolError, match=f"{host} is too slow: it fell silent"):
            client(read=0.1, attempts=3).manifest(oci.Reference(host, "a", "v1"))
        assert len(kept) == 3 and time.monotonic() - began < 10
        listening.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()


def test_an_answer_that_drips_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                    try:
                        while True:
                            connection.sendall(b" ")
                            time.sleep(0.02)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ToolError, match=f"{host} is too slow"):
            client(small=0.2, attempts=2).manifest(oci.Reference(host, "a", "v1"))
        assert time.monotonic() - began < 10


def test_something_that_is_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ToolError, match=f"{host} cut the connection"):
            client(attempts=2).manifest(oci.Reference(host, "a", "v1"))

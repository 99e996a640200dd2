"""A small OCI registry on loopback that misbehaves when told so: cut connections, slow answers, any status, tokens that expire.

Real sockets and real HTTP; blobs and manifests are in memory. What it takes and gives is the distribution specification's.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Fault:
    """What happens to requests of a method whose path matches, the first `skip` of them left alone, `times` times.

    `status` answers that, and reads the request's body first if `reads`; `cut` closes after that many bytes of the request's body,
    `cut_answer` after that many of the answer's; `lost` does what was asked and closes instead of an answer; `sleep` is in seconds.
    """

    method: str
    path: str
    times: int = 1
    skip: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reads: bool = True
    cut: int | None = None
    cut_answer: int | None = None
    lost: bool = False
    sleep: float = 0


@dataclass
class Asked:
    """A request that was made: `url` is path and query."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]


class OciServer:
    """The registry. Everything about it may be changed while it runs."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.only: set[str] | None = None  # the repositories that there are; None: any
        self.chunks = "yes"  # "no": PATCH is refused; "first": all but the first are lost, as ECR does
        self.forgets = False  # an upload whose connection was cut, as Docker's does
        self.largest = 1 << 40  # of a request's body
        self.smallest = 0
        self.mounts = True
        self.referrers = True  # lists them by itself
        self.ranges = True
        self.damages = 0  # so many blobs on their way in
        self.login = ""  # "user:password"
        self.basic = False
        self.token_uses = 0  # 0: for ever
        self.identity = ""
        self.elsewhere = ""  # blobs are given by that URL's host
        self.received = 0
        self._tokens: dict[str, int] = {}
        self.ids = itertools.count()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.registry = self  # type: ignore[attr-defined]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.anonymous = False  # everybody gets a token
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, path: str = "") -> int:
        return sum(each.method == method and bool(re.search(path, each.url)) for each in self.asked)

    def add_blob(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs.setdefault(repository, {})[digest] = content
        return digest

    def fault(self, asked: Asked) -> Fault | None:
        with self.lock:
            for each in self.faults:
                if each.method == asked.method and re.search(each.path, asked.url) and each.times:
                    if each.skip:
                        each.skip -= 1
                        continue
                    each.times -= 1
                    return each
        return None

    def new_token(self) -> str:
        token = f"token-{len(self._tokens)}-secret"
        self._tokens[token] = self.token_uses or 1 << 40
        return token

    def is_allowed(self, header: str) -> bool:
        if not self.login:
            return True
        scheme, _, value = header.partition(" ")
        if self.basic:
            return scheme == "Basic" and base64.b64decode(value).decode() == self.login
        with self.lock:
            left = self._tokens.get(value, 0)
            if left:
                self._tokens[value] = left - 1
            return scheme == "Bearer" and left > 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    @property
    def registry(self) -> OciServer:
        found: OciServer = self.server.registry  # type: ignore[attr-defined]
        return found

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def do_any(self) -> None:
        self.asked = Asked(self.command, self.path, dict(self.headers))
        self.registry.asked.append(self.asked)
        self.fault = self.registry.fault(self.asked)
        self.left = int(self.headers.get("Content-Length") or 0)
        if self.fault and self.fault.sleep:
            time.sleep(self.fault.sleep)
        if self.fault and self.fault.status:
            if self.fault.reads:
                self.take(self.left)
            else:
                self.close_connection = True
            self.answer(self.fault.status, self.fault.body, self.fault.headers)
            return
        try:
            self.route()
        except (ConnectionError, TimeoutError):
            self.cut()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def route(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/token":
            self.token(query)
            return
        if not self.registry.is_allowed(self.headers.get("Authorization", "")):
            self.take(self.left)
            realm = f'Bearer realm="{self.registry.url}/token",service="registry.test"'
            realm = 'Basic realm="registry"' if self.registry.basic else realm
            self.refuse(401, "UNAUTHORIZED", headers={"WWW-Authenticate": realm})
            return
        found = re.fullmatch(r"/v2/(.+)/(blobs/uploads/|blobs/|manifests/|referrers/)([^/]*)", parts.path)
        assert found, self.path
        repository, kind, name = found[1], found[2], found[3]
        if self.registry.only is not None and repository not in self.registry.only:
            self.take(self.left)
            self.refuse(404, "NAME_UNKNOWN")
        elif kind == "manifests/":
            self.manifest(repository, name)
        elif kind == "referrers/":
            self.referrers(repository, name)
        elif kind == "blobs/":
            self.blob(repository, name)
        elif not name:
            self.begin(repository, query)
        else:
            self.upload(repository, name, query)

    def token(self, query: dict[str, str]) -> None:
        registry = self.registry
        form = {name: values[0] for name, values in parse_qs(self.take(self.left).decode()).items()}
        basic = "Basic " + base64.b64encode(registry.login.encode()).decode()
        if registry.anonymous and "Authorization" in self.headers:
            self.refuse(403, "DENIED", "a login of yesterday")
        elif (registry.anonymous or self.headers.get("Authorization") == basic) or (
            registry.identity and form.get("refresh_token") == registry.identity
        ):
            self.answer(200, json.dumps({"token": registry.new_token(), "expires_in": 300}).encode())
        else:
            self.refuse(401, "UNAUTHORIZED")

    def manifest(self, repository: str, name: str) -> None:
        kept = self.registry.manifests.setdefault(repository, {})
        if self.command == "PUT":
            content = self.take(self.left)
            document = json.loads(content)
            blobs = [document["config"], *document["layers"]] if "config" in document else []
            named = [each["digest"] for each in [*blobs, *document.get("manifests", ())]]
            known = {*self.registry.blobs.get(repository, {}), *kept}
            if missing := [each for each in named if each not in known]:
                self.refuse(400, "MANIFEST_BLOB_UNKNOWN", str(missing))
                return
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            for each in (name, digest):
                kept[each] = (self.headers["Content-Type"], content)
            self.answer(201, headers={"Docker-Content-Digest": digest})
        elif name in kept:
            type, content = kept[name]
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self.answer(200, content, {"Content-Type": type, "Docker-Content-Digest": digest})
        else:
            self.refuse(404, "MANIFEST_UNKNOWN")

    def referrers(self, repository: str, subject: str) -> None:
        if not self.registry.referrers:
            self.refuse(404, "")
            return
        found = [
            {"mediaType": type, "digest": digest, "size": len(content), "artifactType": document.get("artifactType")}
            for digest, (type, content) in self.registry.manifests.get(repository, {}).items()
            if ":" in digest and (document := json.loads(content)).get("subject", {}).get("digest") == subject
        ]
        self.answer(
            200,
            json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode(),
            {"Content-Type": INDEX},
        )

    def blob(self, repository: str, digest: str) -> None:
        content = self.registry.blobs.get(repository, {}).get(digest)
        if content is None:
            self.refuse(404, "BLOB_UNKNOWN")
        elif self.registry.elsewhere and self.command == "GET":
            self.answer(307, headers={"Location": f"{self.registry.elsewhere}/v2/{repository}/blobs/{digest}?signed=1"})
        elif self.registry.ranges and (asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))):
            start = int(asked[1])
            self.answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})
        else:
            self.answer(200, content)

    def begin(self, repository: str, query: dict[str, str]) -> None:
        registry = self.registry
        source = registry.blobs.get(query.get("from", ""), {})
        if registry.mounts and query.get("mount") in source:
            registry.blobs.setdefault(repository, {})[query["mount"]] = source[query["mount"]]
            self.answer(201)
            return
        id = f"upload-{next(registry.ids)}"
        registry.uploads[id] = bytearray()
        smallest = {"OCI-Chunk-Min-Length": str(registry.smallest)} if registry.smallest else {}
        self.answer(202, headers={"Location": f"/v2/{repository}/blobs/uploads/{id}?_state=0", **smallest})

    def upload(self, repository: str, id: str, query: dict[str, str]) -> None:
        registry = self.registry
        if id not in registry.uploads:
            self.take(self.left)
            self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.left > registry.largest:
            self.take(self.left)
            self.refuse(413, "")
        elif self.command == "GET":
            self.answer(204, headers=self.state(repository, id))
        elif self.command == "PATCH":
            self.patch(repository, id)
        else:
            self.complete(repository, id, query["digest"])

    def patch(self, repository: str, id: str) -> None:
        upload, length = self.registry.uploads[id], self.left
        start = int(self.headers["Content-Range"].partition("-")[0])
        if self.registry.chunks == "no":
            self.take(self.left)
            self.refuse(405, "UNSUPPORTED")
        elif self.registry.chunks == "first" and start:
            self.take(self.left)
            self.answer(201, headers=self.state(repository, id))
        elif start != len(upload):
            self.take(self.left)
            self.refuse(416, "BLOB_UPLOAD_INVALID")
        else:
            self.take(self.left, upload)
            assert len(upload) == start + length
            self.answer(202, headers=self.state(repository, id))

    def complete(self, repository: str, id: str, digest: str) -> None:
        upload = self.registry.uploads[id]
        self.take(self.left, upload)
        if self.registry.damages and upload:
            self.registry.damages -= 1
            upload[0] ^= 1
        del self.registry.uploads[id]
        if f"sha256:{hashlib.sha256(upload).hexdigest()}" != digest:
            self.refuse(400, "DIGEST_INVALID")
            return
        self.registry.blobs.setdefault(repository, {})[digest] = bytes(upload)
        self.answer(201)

    def state(self, repository: str, id: str) -> dict[str, str]:
        size = len(self.registry.uploads[id])
        return {
            "Location": f"/v2/{repository}/blobs/uploads/{id}?_state={size}",
            "Range": f"0-{max(0, size - 1)}",
        }

    def take(self, length: int, into: bytearray | None = None) -> bytes:
        """Read the request's body as it comes; keep what came before a cut."""
        body = bytearray() if into is None else into
        limit = length if self.fault is None or self.fault.cut is None else min(length, self.fault.cut)
        while limit:
            piece = self.rfile.read1(min(limit, 65536))
            if not piece:
                raise ConnectionResetError
            body += piece
            limit -= len(piece)
            self.left -= len(piece)
            self.registry.received += len(piece)
        if self.fault and self.fault.cut is not None and length:
            raise ConnectionResetError
        return bytes(body) if into is None else b""

    def cut(self) -> None:
        """Close the connection as a machine does that goes down."""
        if self.registry.forgets:
            self.registry.uploads.pop(urlsplit(self.path).path.rpartition("/")[2], None)
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def refuse(self, status: int, code: str, message: str = "no", headers: Mapping[str, str] | None = None) -> None:
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), headers)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        if self.fault and self.fault.lost:
            raise ConnectionResetError
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD" or status == 204:
            return
        if self.fault and self.fault.cut_answer is not None:
            self.wfile.write(body[: self.fault.cut_answer])
            self.wfile.flush()
            raise ConnectionResetError
        self.wfile.write(body)


@contextmanager
def registry(tls: ssl.SSLContext | None = None) -> Iterator[OciServer]:
    """Run a registry while the block runs."""
    server = OciServer(tls)
    try:
        yield server
    finally:
        server.close()

"""Registries elsewhere: HTTPS with the environment's certificates, through its proxy; ECR's and public ECR's logins."""

from __future__ import annotations

import base64
import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.errors import AwsError, NoRepository, ToolError
from tests.e2e.registries import QUICK, client
from tests.fakes import FakeShell, FakeTask
from tests.images import image
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = "public.ecr.aws"
OWN = "registry.example"


def certificate(folder: Path) -> Path:
    """Write a certificate that signed itself for our hosts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in (ECR, PUBLIC, OWN)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem"


class Proxy(BaseHTTPRequestHandler):
    """Connects to our registry, whatever host is asked for."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_CONNECT(self) -> None:
        world: World = self.server.world  # type: ignore[attr-defined]
        world.connected.append((self.path, self.headers.get("Proxy-Authorization", "")))
        if world.closed:
            self.send_error(407)
            return
        with socket.create_connection(("127.0.0.1", world.server.port)) as other:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            back = threading.Thread(target=_copy, args=(other, self.connection), daemon=True)
            back.start()
            _copy(self.connection, other)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@dataclass
class World:
    """A registry that has any of our names, behind a proxy."""

    server: OciServer
    connected: list[tuple[str, str]]
    proxy: str = ""
    closed: bool = False


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found, tmp_path / "key.pem")
    with registry(context) as server, ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        made = World(server, [], f"127.0.0.1:{proxy.server_port}")
        proxy.world = made  # type: ignore[attr-defined]
        proxy.daemon_threads, proxy.block_on_close = True, False
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://{made.proxy}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found))
        yield made
        proxy.shutdown()


def test_pushed_through_a_proxy(world: World) -> None:
    made, to = image(b"x" * 100), oci.Reference(OWN, "iris", "v1")
    client().push(made, to, FakeTask())
    assert client().manifest(to) == made.manifest
    assert {each for each, _ in world.connected} == {f"{OWN}:443"}


def test_the_proxy_gets_its_own_password_and_the_registry_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss-secret@{world.proxy}")
    client().push(image(b"x"), oci.Reference(OWN, "iris", "v1"), FakeTask())
    sent = {login for _, login in world.connected}
    assert sent == {"Basic " + base64.b64encode(b"me:p@ss-secret").decode()}
    assert all(
        "Authorization" not in each.headers and "Proxy-Authorization" not in each.headers for each in world.server.asked
    )
    world.closed = True
    with pytest.raises(ToolError, match=rf"the proxy to {OWN} does not answer: .*407") as raised:
        client().manifest(oci.Reference(OWN, "iris", "v1"))
    assert "secret" not in f"{raised.value}{raised.value.hint}{raised.value.where}"


def test_a_proxy_that_is_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(ToolError, match=f"the proxy to {OWN} does not answer: Connection refused") as raised:
            client().manifest(oci.Reference(OWN, "iris", "v1"))
    assert "HTTPS_PROXY" in raised.value.hint


def test_loopback_is_not_asked_by_the_proxy(world: World) -> None:
    with registry() as local:
        client().push(image(b"x"), oci.Reference(local.host, "iris", "v1"), FakeTask())
    assert world.connected == []


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment(
    world: World, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ToolError, match=rf"the certificate of {OWN} is not trusted: .*self.signed") as raised:
        client().manifest(oci.Reference(OWN, "iris", "v1"))
    assert "SSL_CERT_FILE" in raised.value.hint
    monkeypatch.setenv(variable, str(tmp_path / "cert.pem"))
    with pytest.raises(ToolError, match="does not have it"):
        client().manifest(oci.Reference(OWN, "iris", "v1"))


def test_a_certificate_of_another_host_and_none_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match=r"the certificate of other\.example is not trusted"):
        client().manifest(oci.Reference("other.example", "iris", "v1"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing"))
    with pytest.raises(ToolError, match=r"cannot read the certificates in .*nothing"):
        client().manifest(oci.Reference(OWN, "iris", "v1"))


@dataclass
class Aws:
    """What boto3 would give for ECR's hosts."""

    passwords: list[str]

    def __call__(self, host: str) -> tuple[str, str]:
        assert host == ECR
        return "AWS", self.passwords.pop(0)


def test_ecr_by_the_password_that_aws_gives_whole_and_by_its_own_rights(world: World, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {ECR: {"auth": base64.b64encode(b"a:b").decode()}}}))
    server, to = world.server, oci.Reference(ECR, "iris", "v1")
    server.basic, server.login, server.chunks = True, "AWS:pw", "first"
    made = image(b"x" * 1000)
    pushing = OciRegistry(FakeShell(), Aws(["pw", "new"]), settings=QUICK)
    pushing.push(made, to, FakeTask())
    assert server.count("PATCH") == 0 and server.count("PUT", "uploads") == 2
    assert server.manifests["iris"]["v1"][1] == made.manifest.content
    server.login = "AWS:new"  # the old one has expired
    server.blobs.clear()
    pushing.push(made, to, FakeTask())
    assert len(server.blobs["iris"]) == 2


def test_what_ecr_refuses(world: World) -> None:
    server, to = world.server, oci.Reference(ECR, "iris", "v1")
    server.basic, server.login = True, "AWS:pw"
    with pytest.raises(AwsError, match="does not take our credentials") as raised:
        OciRegistry(FakeShell(), Aws(["wrong-secret"] * 9), settings=QUICK).push(image(b"x"), to, FakeTask())
    assert "secret" not in str(raised.value) and raised.value.code == "Unauthorized"
    body = b'{"errors":[{"code":"DENIED","message":"User: arn:aws:iam::1:user/x is not authorized"}]}'
    server.faults = [Fault("POST", "uploads", times=9, status=403, body=body)]
    with pytest.raises(AwsError, match=r"refuses to push the layer .* \(403 DENIED\): User: arn") as raised:
        OciRegistry(FakeShell(), Aws(["pw"]), settings=QUICK).push(image(b"x"), to, FakeTask())
    assert raised.value.code == "DENIED" and "ecr:" in raised.value.hint
    server.faults, server.only = [], set()
    with pytest.raises(NoRepository, match=f"there is no repository iris at {ECR}"):
        OciRegistry(FakeShell(), Aws(["pw"]), settings=QUICK).push(image(b"x"), to, FakeTask())


def test_public_ecr_is_read_as_nobody_even_with_a_login_of_yesterday(world: World, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {PUBLIC: {"auth": base64.b64encode(b"a:b").decode()}}}))
    server = world.server
    server.anonymous, server.login, server.url = True, "x:y", f"https://{PUBLIC}"
    made = image(b"x")
    server.manifests["lambda/python"] = {"3.13": (made.manifest.media_type, made.manifest.content)}
    assert client().manifest(oci.Reference(PUBLIC, "lambda/python", "3.13")) == made.manifest
    assert server.count("GET", "^/token") == 1

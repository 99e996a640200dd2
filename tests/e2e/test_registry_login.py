"""Logging in to registries: tokens that expire in the middle, passwords that go to nobody else, and what is said when there is no right."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.errors import ToolError
from tests.e2e.registries import QUICK, at, client, is_whole, noise, push
from tests.fakes import FakeShell, FakeTask
from tests.images import elsewhere, image
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
PASSWORD = "p4ssw0rd-secret"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OciServer]:
    with registry() as made:
        made.login = f"me:{PASSWORD}"
        log_in(tmp_path, made, PASSWORD)
        yield made


def log_in(folder: Path, server: OciServer, password: str, **more: str) -> None:
    auth = base64.b64encode(f"me:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": auth, **more}}}))


def test_one_token_for_all_threads(server: OciServer) -> None:
    made = image(*(noise(60) for _ in range(12)))
    push(server, made)
    assert is_whole(server, made) and server.count("GET", "^/token") == 1
    (asked,) = [each.url for each in server.asked if each.path == "/token"]
    assert asked == "/token?service=registry.test&scope=repository%3Aa%2Fb%3Apull%2Cpush"


def test_to_read_only_the_right_to_read_is_asked_for(server: OciServer) -> None:
    push(server, made := image(b"x"))
    reading = client()
    assert reading.manifest(at(server)) == made.manifest
    assert reading.blob(at(server), made.blobs[1].descriptor.digest) == b"x"
    tokens = [each.url for each in server.asked if each.path == "/token"]
    assert len(tokens) == 2 and tokens[1].endswith("&scope=repository%3Aa%2Fb%3Apull")


@pytest.mark.parametrize("uses", range(1, 16))
def test_a_token_that_expires_after_any_request(server: OciServer, uses: int) -> None:
    server.token_uses = uses
    made = image(noise(150), noise(10))
    push(server, made, uploads=1, lookups=1)
    assert is_whole(server, made)
    assert server.count("GET", "^/token") > 1


def test_basic(server: OciServer) -> None:
    server.basic = True
    made = image(noise(100))
    push(server, made)
    assert is_whole(server, made)
    assert len([each for each in server.asked if "Authorization" not in each.headers]) <= QUICK.lookups


def test_an_identity_token_of_docker_s_configuration(server: OciServer, tmp_path: Path) -> None:
    server.identity = "identity-secret"
    log_in(tmp_path, server, "", identitytoken="identity-secret")
    made = image(noise(100))
    push(server, made)
    assert is_whole(server, made) and server.count("POST", "^/token") == 1
    assert all("secret" not in each.url for each in server.asked)


def test_a_token_that_is_about_to_expire_is_replaced_before_it_is_sent(server: OciServer) -> None:
    body = json.dumps({"token": server.new_token(), "expires_in": 0.001}).encode()
    server.faults = [Fault("GET", "^/token", status=200, body=body)]
    push(server, image(noise(100)), uploads=1, lookups=1)
    refused = [each for each in server.asked if "Authorization" not in each.headers and each.path != "/token"]
    assert len(refused) == 1 and server.count("GET", "^/token") == 2


@pytest.mark.parametrize("basic", [True, False])
@pytest.mark.parametrize("has_login", [True, False])
def test_no_right(server: OciServer, tmp_path: Path, has_login: bool, basic: bool) -> None:
    server.basic = basic
    log_in(tmp_path, server, "wr0ng-secret")
    if not has_login:
        (tmp_path / "config.json").unlink()
    told = "does not take the login that there is for it" if has_login else "wants a login, or there is no such"
    for act in (lambda: push(server, image(b"x")), lambda: client().manifest(at(server))):
        with pytest.raises(ToolError, match=told) as raised:
            act()
        assert "secret" not in f"{raised.value.message}{raised.value.hint}{raised.value.where}"
        assert raised.value.hint.startswith(f"`docker login {server.host}`")


def test_a_registry_that_repeats_secrets_is_not_quoted(server: OciServer) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"{PASSWORD} and token-0-secret"}]}).encode()
    server.faults = [Fault("POST", "uploads", status=403, body=body, times=9)]
    with pytest.raises(ToolError, match=r"\*\*\* and \*\*\*") as raised:
        push(server, image(b"x"))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("basic", [True, False])
def test_what_is_sent_elsewhere_goes_without_the_login(server: OciServer, basic: bool) -> None:
    server.basic = basic
    content = noise(100)
    digest = server.add_blob("a/b", content)
    with registry() as other:
        other.add_blob("a/b", content)
        server.elsewhere = f"http://{other.host}"
        assert client().blob(at(server), digest) == content
        assert other.asked and all("Authorization" not in each.headers for each in other.asked)
        # the place to upload to, too
        url = f"http://{other.host}/v2/a/b/blobs/uploads/x"
        other.uploads["x"] = bytearray()
        server.faults = [Fault("POST", "uploads", times=9, status=202, headers={"Location": url})]
        with pytest.raises(ToolError, match="MANIFEST_BLOB_UNKNOWN"):
            push(server, image(b"gone astray", config=content))
        assert other.count("PUT") and all("Authorization" not in each.headers for each in other.asked)


def test_each_registry_gets_its_own_login(server: OciServer) -> None:
    content = noise(100)
    with registry() as source:
        source.add_blob("base", content)
        made = image(elsewhere(content, oci.Reference(source.host, "base")))
        push(server, made)
        assert is_whole(server, made)
        assert all("Authorization" not in each.headers for each in source.asked)


def test_a_mount_asks_for_the_right_to_read_the_neighbour(server: OciServer) -> None:
    content = noise(100)
    digest = server.add_blob("base", content)
    made = image(elsewhere(content, at(server, "base")))
    assert digest in push(server, made).reused
    (scope,) = {each.url for each in server.asked if each.path == "/token" and "base" in each.url}
    assert scope.endswith("&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Abase%3Apull")


@pytest.mark.parametrize(
    ("challenge", "told"),
    [
        ('Bearer realm="http://evil.example/token"', "is not asked by plain HTTP"),
        ('Bearer realm="ftp://evil.example/token"', "is not asked by plain HTTP"),
        ('Bearer realm="http://["', "is no URL"),
        ('Negotiate realm="x"', "wants a login"),
        ("", "wants a login"),
    ],
)
def test_a_challenge_that_leads_astray(server: OciServer, challenge: str, told: str) -> None:
    server.faults = [Fault("GET", "manifests", status=401, times=9, headers={"WWW-Authenticate": challenge})]
    with pytest.raises(ToolError, match=told):
        client().manifest(at(server))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("GET", "^/token", times=99, status=503), "gives no token for 127.* now .503."),
        (Fault("GET", "^/token", times=99, status=200, body=b"<html>"), "gave no token for 127"),
        (Fault("GET", "^/token", times=99, status=200, body=b'{"expires_in": 3}'), "gave no token for 127"),
        (Fault("GET", "^/token", times=99, status=200, body=b"[]"), "gave no token for 127"),
        (Fault("GET", "^/token", times=99, status=200, body=b'{"token": "a\\nb"}'), "gave no token for 127"),
        (
            Fault("GET", "^/token", times=99, status=302, headers={"Location": "https://evil.example"}),
            "does not take the",
        ),
        (Fault("GET", "^/token", times=99, sleep=0.5), "fell silent"),
    ],
    ids=["503", "html", "no token", "a list", "no header", "redirect", "slow"],
)
def test_a_token_server_out_of_order(server: OciServer, fault: Fault, told: str) -> None:
    server.faults = [fault]
    with pytest.raises(ToolError, match=told):
        client(read=0.2, attempts=3).manifest(at(server))


def test_a_token_server_that_has_a_hiccup(server: OciServer) -> None:
    server.faults = [Fault("GET", "^/token", times=2, status=503)]
    push(server, made := image(noise(100)))
    assert is_whole(server, made)


def test_every_request_is_told_without_secrets(server: OciServer) -> None:
    told: list[str] = []
    OciRegistry(FakeShell(), on_call=told.append, settings=QUICK).push(image(noise(100)), at(server), FakeTask())
    assert f"PUT {server.host}/v2/a/b/manifests/v1" in told
    assert not [each for each in told if "?" in each or "secret" in each]

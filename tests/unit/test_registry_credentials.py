"""Whose login a registry gets: what Podman and Docker keep, their helpers, ECR's from AWS; none of it is ever shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.effects.registry import login_files
from slsdeploy.effects.registry.auth import Auth
from slsdeploy.effects.registry.calls import pull_scope
from slsdeploy.effects.registry.credentials import Credentials, Login
from slsdeploy.effects.registry.http import Http
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.trouble import retry_after
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ToolError
from slsdeploy.oci import is_loopback
from slsdeploy.tools import Completed
from tests.fakes import FakeShell

HUB = "registry-1.docker.io"
AUTH = base64.b64encode(b"me:p:w").decode()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose environment names no file."""
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def keep(path: Path, **logins: str) -> None:
    """Write a file of logins: of each registry, a user."""
    auths = {host: {"username": user, "password": "pw"} for host, user in logins.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(auths if path.name == ".dockercfg" else {"auths": auths}))


def user(host: str = "a.io", repository: str = "") -> str:
    found = Credentials(FakeShell()).find(host, True, repository)
    return found.user if found else ""


@pytest.mark.parametrize(
    ("host", "auths", "login"),
    [
        ("ghcr.io", {"ghcr.io": {"auth": AUTH}}, Login("me", "p:w")),
        ("ghcr.io", {"https://ghcr.io": {"auth": AUTH}}, Login("me", "p:w")),
        ("ghcr.io", {"https://ghcr.io/v1/": {"auth": AUTH}}, Login("me", "p:w")),
        ("ghcr.io", {"ghcr.io": {"username": "me", "password": "pw"}}, Login("me", "pw")),
        ("ghcr.io", {"ghcr.io": {}}, None),
        ("ghcr.io", {"ghcr.io": "what"}, None),
        ("ghcr.io", {"evil-ghcr.io": {"auth": AUTH}, "ghcr.io.evil": {"auth": AUTH}}, None),
        ("a.io:5000", {"a.io": {"auth": AUTH}}, None),
        ("a.io:5000", {"a.io:5000": {"auth": AUTH}}, Login("me", "p:w")),
        (HUB, {"https://index.docker.io/v1/": {"auth": AUTH}}, Login("me", "p:w")),
        ("az.io", {"az.io": {"auth": AUTH, "identitytoken": "t"}}, Login("me", identity_token="t")),
        ("ghcr.io", {}, None),
    ],
)
def test_docker_s_configuration(docker: Path, host: str, auths: dict[str, Any], login: Login | None) -> None:
    docker.write_text(json.dumps({"auths": auths}))
    assert Credentials(FakeShell()).find(host, pushes=True) == login


@pytest.mark.parametrize("content", [None, "{}", "[]", '{"auths": 3}', '{"credHelpers": []}'])
def test_a_configuration_that_says_nothing(docker: Path, content: str | None) -> None:
    if content:
        docker.write_text(content)
    assert Credentials(FakeShell()).find("ghcr.io", pushes=True) is None


def test_a_configuration_that_cannot_be_read(docker: Path) -> None:
    docker.write_text("{auths")
    with pytest.raises(ToolError, match="cannot read the logins for registries: it is no JSON") as raised:
        Credentials(FakeShell()).find("ghcr.io", pushes=True)
    assert raised.value.where == str(docker)
    docker.write_text('{"auths": {"ghcr.io": {"auth": "!"}}}')
    with pytest.raises(ToolError, match=r"no user and password for ghcr\.io"):
        Credentials(FakeShell()).find("ghcr.io", pushes=True)


@pytest.mark.parametrize(
    ("config", "host", "asked"),
    [
        ({"credsStore": "store"}, "ghcr.io", ("docker-credential-store", "ghcr.io")),
        ({"credsStore": "store"}, HUB, ("docker-credential-store", "https://index.docker.io/v1/")),
        ({"credsStore": "store", "credHelpers": {"ghcr.io": "own"}}, "ghcr.io", ("docker-credential-own", "ghcr.io")),
    ],
)
def test_a_helper_is_asked(docker: Path, config: dict[str, Any], host: str, asked: tuple[str, str]) -> None:
    docker.write_text(json.dumps(config))
    answer = json.dumps({"ServerURL": host, "Username": "me", "Secret": "pw"})
    shell = FakeShell({asked[0]: lambda argv: Completed(0, answer, "")})
    assert Credentials(shell).find(host, pushes=False) == Login("me", "pw")
    assert (shell.calls, shell.given) == ([[asked[0], "get"]], [asked[1]])


def test_a_real_helper_gets_the_host_on_its_standard_input(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker-credential-mine"
    program.write_text('#!/bin/sh\nread host\necho "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"of $host\\"}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    docker.write_text('{"credsStore": "mine"}')
    assert Credentials(SystemShell()).find("a.io", pushes=False) == Login(identity_token="of a.io")


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "told"),
    [
        (1, "credentials not found in native keychain\n", "", ""),
        (1, "the keychain is locked\n", "", "docker-credential-own failed for ghcr.io: the keychain is locked"),
        (1, '{"Secret": "hidden"}', "no luck", "docker-credential-own failed for ghcr.io: no luck"),
        (0, "hidden", "", "did not answer with credentials"),
        (0, '{"Secret": "hidden"}', "", "did not answer with credentials"),
    ],
)
def test_a_helper_that_has_nothing_or_fails(docker: Path, code: int, stdout: str, stderr: str, told: str) -> None:
    docker.write_text('{"credHelpers": {"ghcr.io": "own"}, "auths": {"ghcr.io": {}}}')
    shell = FakeShell({"docker-credential-own": lambda argv: Completed(code, stdout, stderr)})
    if not told:
        assert Credentials(shell).find("ghcr.io", pushes=True) is None
        return
    with pytest.raises(ToolError, match=told) as raised:
        Credentials(shell).find("ghcr.io", pushes=True)
    assert "hidden" not in raised.value.message + raised.value.hint + raised.value.where


def test_a_helper_that_is_missing_or_no_name(docker: Path) -> None:
    docker.write_text('{"credsStore": "desktop"}')
    with pytest.raises(ToolError, match="there is no program docker-credential-desktop"):
        Credentials(FakeShell()).find("ghcr.io", pushes=True)
    docker.write_text('{"credsStore": "../evil"}')
    with pytest.raises(ToolError, match="is no credential helper"):
        Credentials(FakeShell()).find("ghcr.io", pushes=True)


@pytest.mark.parametrize(
    ("host", "is_ecr"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", True),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.io", False),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com:443", False),
        ("x123456789012.dkr.ecr.eu-west-1.amazonaws.com", False),
        ("public.ecr.aws", False),
    ],
)
def test_ecr_is_known_by_its_host(docker: Path, host: str, is_ecr: bool) -> None:
    asked: list[str] = []

    def ecr(host: str) -> tuple[str, str]:
        asked.append(host)
        return "AWS", "pw"

    found = Credentials(FakeShell(), ecr).find(host, pushes=True)
    assert (found, asked) == ((Login("AWS", "pw"), [host]) if is_ecr else (None, []))


def test_public_ecr_is_read_as_nobody(docker: Path) -> None:
    docker.write_text(json.dumps({"auths": {"public.ecr.aws": {"auth": AUTH}}}))
    assert Credentials(FakeShell()).find("public.ecr.aws", pushes=False) is None
    assert Credentials(FakeShell()).find("public.ecr.aws", pushes=True) == Login("me", "p:w")


def test_a_login_does_not_show_itself() -> None:
    assert "secret" not in repr(Login("me", "secret", "secret"))


def test_podman_s_files_come_before_docker_s(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    first = Path("run/containers/auth.json")
    then = [Path(".config/containers/auth.json"), Path(".docker/config.json"), Path(".dockercfg")]
    for place in reversed(then):
        keep(home / place, **{"a.io": place.name, "b.io": str(place)})
        assert user("b.io") == str(place)
    keep(home / first, **{"a.io": "first"})
    assert (user("a.io"), user("b.io"), user("c.io")) == ("first", str(then[0]), "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "elsewhere"))
    assert user("b.io") == str(then[1])
    monkeypatch.setattr("sys.platform", "darwin")
    assert user("a.io") == then[1].name


def test_another_user_s_session_is_passed_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    keep(home / "run/containers/auth.json", **{"a.io": "theirs"})
    keep(home / ".docker/config.json", **{"a.io": "mine"})
    assert user() == "theirs"
    monkeypatch.setattr("os.access", lambda path, mode: path != home / "run/containers")
    assert user() == "mine"


def test_without_a_session_podman_s_file_is_in_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("os.getuid", lambda: 4242)
    monkeypatch.setattr("os.access", lambda path, mode: path == Path("/run/containers/4242"))
    assert login_files._paths()[0] == Path("/run/containers/4242/auth.json")


def test_a_file_that_the_environment_names_is_read_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(home / "run/containers/auth.json", **{"a.io": "session", "b.io": "session"})
    keep(home / "docker/config.json", **{"a.io": "docker"})
    keep(home / "named.json", **{"a.io": "named"})
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "docker"))
    assert (user("a.io"), user("b.io")) == ("docker", "")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "named.json"))
    assert (user("a.io"), user("b.io")) == ("named", "")


@pytest.mark.parametrize(
    ("repository", "whose"),
    [
        ("team/iris/image", "image"),
        ("team/iris/other", "team"),
        ("team/iris", "team"),
        ("teams/iris", "all"),
        ("", "all"),
    ],
)
def test_the_nearest_of_podman_s_logins_counts(docker: Path, repository: str, whose: str) -> None:
    keep(docker, **{"a.io": "all", "a.io/team": "team", "a.io/team/iris/image": "image", "b.io/team": "other"})
    assert user("a.io", repository) == whose
    assert user("b.io", repository) == ("other" if repository.startswith("team/") else "")


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io", "docker.io/library"])
def test_docker_hub_s_names(docker: Path, name: str) -> None:
    keep(docker, **{name: "me"})
    assert user(HUB, "library/python") == "me"


def test_nobody_s_home(home: Path) -> None:
    assert Credentials(FakeShell()).find("ghcr.io", pushes=True) is None


@pytest.mark.parametrize(
    ("netloc", "is_it"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("localhost:5000", True),
        ("localhost.evil.io", False),
        ("127.0.0.1.evil.io", False),
        ("127.0.0.1@evil.io", False),
        ("0.0.0.0:5000", False),
        ("10.0.0.1", False),
        ("ghcr.io", False),
        ("", False),
    ],
)
def test_what_is_this_machine(netloc: str, is_it: bool) -> None:
    assert is_loopback(netloc) == is_it


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (None, 0, 0),
        ("", 0, 0),
        ("7", 7, 7),
        ("soon", 0, 0),
        ("-3", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 3600, 1e10),
    ],
)
def test_retry_after(header: str | None, least: float, most: float) -> None:
    assert least <= retry_after(header) <= most


def test_a_repository_s_own_login_is_for_no_other(home: Path) -> None:
    keep(home / ".docker/config.json", **{"a.io/one": "one", "a.io/two": "two"})
    auth, asked = Auth(Http(Settings()), Credentials(FakeShell())), ['Basic realm="a"']
    one, two = (auth.answer("a.io", pull_scope(name), "", asked) for name in ("one", "two"))
    assert (one, two) == (Login("one", "pw").basic, Login("two", "pw").basic)
    assert (auth.header("a.io", pull_scope("one")), auth.header("a.io", pull_scope("two"))) == (one, two)
    assert auth.header("a.io", pull_scope("three")) == ""

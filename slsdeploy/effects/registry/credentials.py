"""User and password for a registry: ECR's from AWS, others from the files of Podman and Docker and the credential helpers that they name.

https://docs.docker.com/reference/cli/docker/login/#credential-stores, https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slsdeploy.effects.registry.http import one_line
from slsdeploy.effects.registry.login_files import LoginFile, login_files
from slsdeploy.errors import ToolError
from slsdeploy.tools import Shell

ECR = re.compile(
    r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)"
)
PUBLIC_ECR = "public.ecr.aws"
_DOCKER_HUB = "registry-1.docker.io"
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # of a helper that has an identity token  # noqa: S105
_NOT_FOUND = "credentials not found"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or an identity token; none of it is ever shown."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The header's value for Basic authentication."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Credentials:
    """Finds the login for a host."""

    def __init__(self, shell: Shell, ecr: Callable[[str], tuple[str, str]] | None = None) -> None:
        self._shell = shell
        self._ecr = ecr

    def find(self, host: str, pushes: bool, repository: str = "") -> Login | None:
        """Return the login for a host (with its port) and a repository there, None to ask as nobody.

        Public ECR gives to everybody, while a login of yesterday is refused there: it is used only to push.
        """
        if self._ecr and ECR.fullmatch(host):
            return Login(*self._ecr(host))
        if host == PUBLIC_ECR and not pushes:
            return None
        key = _DOCKER_HUB_KEY if host == _DOCKER_HUB else host
        for file in login_files():
            helper = file.table("credHelpers").get(key) or file.content.get("credsStore")
            found = self._ask(str(helper), key, file.path) if helper else None
            if login := found or _stored(file, host, repository):
                return login
        return None

    def _ask(self, helper: str, key: str, path: Path) -> Login | None:
        program = f"docker-credential-{helper}"
        if not _NAME.fullmatch(helper):
            raise ToolError(f'"{helper}" is no credential helper', "mend the file that names it", str(path))
        done = self._shell.run([program, "get"], given=key)
        if done.code:
            if _NOT_FOUND in done.stdout + done.stderr:
                return None
            said = one_line(done.stdout if not done.stdout.lstrip().startswith("{") else done.stderr)
            raise ToolError(f"{program} failed for {key}: {said}", f"mend it, or `docker login {key}`", program)
        try:
            said_json: Any = json.loads(done.stdout)
            user, secret = str(said_json["Username"]), str(said_json["Secret"])
        except (ValueError, LookupError, TypeError):
            raise ToolError(f"{program} did not answer with credentials for {key}", where=program) from None
        return Login(identity_token=secret) if user == _TOKEN_USER else Login(user, secret)


def _stored(file: LoginFile, host: str, repository: str) -> Login | None:
    """Return the login for a repository, or for the nearest of those above it, the registry at last."""
    names = {host, "index.docker.io", "docker.io"} if host == _DOCKER_HUB else {host}
    parts = repository.split("/") if repository else []
    above = ["/".join(["", *parts[:count]]) for count in range(len(parts), -1, -1)]
    entries = [(_place(key), entry, key) for key, entry in file.table("auths").items() if isinstance(entry, dict)]
    for place in above:
        for found, entry, key in entries:
            if found in {f"{name}{place}" for name in names} and (login := _entry(entry, key, file.path)):
                return login
    return None


def _place(key: str) -> str:
    """Return a registry, or a repository there: as Docker writes it (https://HOST/v1/), or as Podman does (HOST/REPOSITORY)."""
    _, is_url, rest = key.partition("://")
    return rest.partition("/")[0] if is_url else key


def _entry(entry: Mapping[str, Any], key: str, path: Path) -> Login | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ToolError(f"there is no user and password for {key}", f"`docker login {key}`", str(path)) from None
    if entry.get("identitytoken"):
        return Login(user, identity_token=str(entry["identitytoken"]))
    return Login(user, password.rstrip("\0")) if user else None

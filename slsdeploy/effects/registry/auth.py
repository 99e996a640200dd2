"""A registry's challenge -> an Authorization header: Basic, or a Bearer token, which is kept until it expires.

https://distribution.github.io/distribution/spec/auth/token/, https://distribution.github.io/distribution/spec/auth/oauth/
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from slsdeploy.effects.registry.credentials import ECR, Credentials, Login
from slsdeploy.effects.registry.http import Answer, Http, check, joined
from slsdeploy.effects.registry.trouble import Trouble, retry_after
from slsdeploy.errors import AwsError, SlsdeployError, ToolError
from slsdeploy.oci import is_loopback

Scope = tuple[str, ...]  # ("repository:a:pull,push", "repository:b:pull")
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')
_TOKEN = re.compile(r"[\x21-\x7e]+")
_LIFE = 60  # seconds, of a token that does not say
_EARLY = 10  # seconds before its end that a token is not used any more


@dataclass(frozen=True, slots=True)
class _Kept:
    header: str
    until: float
    challenges: tuple[str, ...] = ()


class Auth:
    """Answers challenges; shared by threads, of which one asks for a token and the others wait for it."""

    def __init__(self, http: Http, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self._kept: dict[tuple[str, Scope], _Kept] = {}
        self._secrets: frozenset[str] = frozenset()
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def header(self, host: str, scope: Scope) -> str:
        """Return the header for a scope at a host, a new one when that is about to expire; "" when nobody has asked for one."""
        kept = self._find(host, scope)
        if kept is None or time.monotonic() < kept.until:
            return kept.header if kept else ""
        return self.answer(host, scope, kept.header, kept.challenges)

    def _find(self, host: str, scope: Scope) -> _Kept | None:
        return self._kept.get((host, scope))  # a repository may have a login of its own

    def answer(self, host: str, scope: Scope, refused: str, challenges: Sequence[str]) -> str:
        """Return another header than the one that was refused; "" when there is none to be had."""
        with self._lock:
            known = self._find(host, scope)
            if known and known.header != refused:  # another thread was told the same
                return known.header
            made = self._make(host, scope, challenges)
            return "" if made == refused else made

    def hide(self, text: str) -> str:
        """Return a text without the secrets that we know."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def refused(self, host: str) -> SlsdeployError:
        """Return the error for a registry that does not take what we have for it."""
        return no_login(host, host in self._known)

    def _hide(self, *secrets: str) -> None:
        self._secrets |= {each for each in secrets if each}

    def _make(self, host: str, scope: Scope, challenges: Sequence[str]) -> str:
        schemes = {scheme.lower(): dict(_parameters(rest)) for scheme, rest in map(_split, challenges)}
        if not schemes.keys() & {"bearer", "basic"}:
            return ""
        repository = scope[0].split(":")[1] if scope else ""
        login = self._credentials.find(host, any("push" in each for each in scope), repository)
        if login:
            self._hide(login.password, login.identity_token, login.basic.removeprefix("Basic "))
            self._known.add(host)
        if "bearer" in schemes:
            kept = self._token(host, scope, schemes["bearer"], login)
            self._kept[host, scope] = replace(kept, challenges=tuple(challenges))
            return kept.header
        if login is None or not login.user:
            return ""
        self._kept[host, scope] = _Kept(login.basic, float("inf"))
        return login.basic

    def _token(self, host: str, scope: Scope, challenge: dict[str, str], login: Login | None) -> _Kept:
        realm = joined(f"https://{host}", challenge.get("realm", ""))
        if is_loopback(urlsplit(realm).netloc) and not is_loopback(host):
            raise ToolError(f"{host} sends us to this machine for its token", "is it a registry?", host)
        where = check(realm)
        scopes = [*scope, *(each for each in challenge.get("scope", "").split() if each not in scope)]
        answer = self._ask(realm, challenge.get("service", ""), scopes, login)
        if answer.status != 200:
            raise _refused(answer, host, where, login)
        try:
            said: Any = json.loads(answer.read(1_000_000, self._http.settings.small))
            token = str(said.get("token") or said["access_token"])
            life = float(said.get("expires_in") or _LIFE)
            if not _TOKEN.fullmatch(token):
                raise ValueError
        except (ValueError, LookupError, TypeError, AttributeError):
            raise ToolError(f"{where} gave no token for {host}", "is it a registry?", where) from None
        self._hide(token)
        return _Kept(f"Bearer {token}", time.monotonic() + max(life - _EARLY, life / 2))

    def _ask(self, realm: str, service: str, scopes: list[str], login: Login | None) -> Answer:
        if login and login.identity_token:
            form = {"grant_type": "refresh_token", "client_id": "slsdeploy", "refresh_token": login.identity_token}
            body = urlencode({**form, "service": service, "scope": " ".join(scopes)}).encode()
            return self._http.send("POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, body)
        query = urlencode([("service", service)] * bool(service) + [("scope", each) for each in scopes])
        headers = {"Authorization": login.basic} if login else {}
        return self._http.send("GET", f"{realm}{'&' if '?' in realm else '?'}{query}", headers)


def _refused(answer: Answer, host: str, where: str, login: Login | None) -> Exception:
    wait = retry_after(answer.header("Retry-After"))
    _, said = answer.told()
    if answer.status in (408, 429) or answer.status >= 500:
        return Trouble(ToolError(f"{where} gives no token for {host} now ({answer.status}): {said}", where=where), wait)
    return no_login(host, login is not None)


def no_login(host: str, has_login: bool) -> SlsdeployError:
    """Say that a registry does not know us."""
    if ECR.fullmatch(host):
        hint = "sign in again (`aws sso login`, or new keys); it wants ecr:GetAuthorizationToken"
        return AwsError(f"{host} does not take our credentials", hint, host, code="Unauthorized")
    if has_login:
        hint = f"`docker login {host}` again, or as somebody who may"
        return ToolError(f"{host} does not take the login that there is for it", hint, host)
    return ToolError(
        f"{host} wants a login, or there is no such repository",
        f"`docker login {host}` (or the same with podman or skopeo: what they keep is read)",
        host,
    )


def _split(challenge: str) -> tuple[str, str]:
    scheme, _, rest = challenge.strip().partition(" ")
    return scheme, rest


def _parameters(text: str) -> list[tuple[str, str]]:
    return [(name, quoted or plain) for name, quoted, plain in _PARAMETER.findall(text)]

"""Requests to a registry, with authentication, redirects and retries: what `pull` and `upload` are written with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

from slsdeploy.effects.registry.auth import Auth, Scope
from slsdeploy.effects.registry.http import Answer, Http, base, joined, origin
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.trouble import Patience, Trouble, retry_after
from slsdeploy.errors import SlsdeployError, ToolError

_T = TypeVar("_T")
_REDIRECTS = 5
_NOT_NOW = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a registry; `body` can be read more than once, `silence` is how many seconds it may take to answer (0: the usual)."""

    method: str
    host: str
    url: str
    scope: Scope
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = None
    silence: float = 0


class Calls:
    """Sends requests to registries."""

    def __init__(self, http: Http, auth: Auth, settings: Settings) -> None:
        self._http = http
        self.auth = auth
        self.settings = settings

    def send(self, request: Request) -> Answer:
        """Send a request once (again with a new token when the registry wants one), follow where a reading one is sent.

        Raises Trouble for what may be better later.
        """
        answer = self._authenticated(request)
        for _ in range(_REDIRECTS):
            if answer.status not in (301, 302, 303, 307, 308) or request.method not in ("GET", "HEAD"):
                break
            request = replace(request, url=joined(request.url, answer.header("Location")))
            answer.drain()
            answer = self._authenticated(request)
        if answer.status in _NOT_NOW or (answer.status >= 500 and answer.status != 501):
            wait = retry_after(answer.header("Retry-After"))
            raise Trouble(self._not_now(answer, request.host), wait)
        return answer

    def patiently(self, do: Callable[[], _T], stop: threading.Event | None = None) -> _T:
        """Do something that can be done again until there is no Trouble, or no patience."""
        patience = self.patience(stop)
        while True:
            try:
                return do()
            except Trouble as trouble:
                patience.wait(trouble)

    def patience(self, stop: threading.Event | None = None) -> Patience:
        """Return new patience."""
        return Patience(self.settings, stop or threading.Event())

    def _authenticated(self, request: Request) -> Answer:
        """Send it with what we have for the registry; never to another host, wherever the registry sends us."""
        if origin(request.url) != origin(base(request.host)):
            return self._http.send(request.method, request.url, request.headers, request.body, request.silence)
        header = self.auth.header(request.host, request.scope)
        answer = self._with(header, request)
        if answer.status != 401:
            return answer
        challenges = answer.headers("WWW-Authenticate")
        answer.drain()
        header = self.auth.answer(request.host, request.scope, header, challenges)
        if header:
            answer = self._with(header, request)
        if answer.status == 401:
            answer.drain()
            raise self.auth.refused(request.host)
        return answer

    def _with(self, header: str, request: Request) -> Answer:
        headers = {**request.headers, **({"Authorization": header} if header else {})}
        return self._http.send(request.method, request.url, headers, request.body, request.silence)

    def _not_now(self, answer: Answer, host: str) -> SlsdeployError:
        status = answer.status
        code, said = answer.told()
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "an error"
        told = ": ".join(filter(None, [f"{host} answered {status} ({phrase})", code, self.auth.hide(said)]))
        hint = "try again later: it goes on where it stopped"
        if status == 429:
            hint = f"{host} limits requests: wait some minutes, or `docker login {host}` for more of them"
        return ToolError(told, hint, host)


def pull_scope(repository: str) -> Scope:
    """Return the right to read a repository."""
    return (f"repository:{repository}:pull",)


def push_scope(repository: str) -> Scope:
    """Return the right to write a repository."""
    return (f"repository:{repository}:pull,push",)

"""Lambda's function URLs: the API that configures them (moto has one per function, without qualifiers), and the loopback port of each."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from werkzeug.wrappers import Request, Response

from slsdeploy.local import lambda_names
from slsdeploy.local.lambda_names import ACCOUNT

PATH = re.compile(r"/2021-10-31/functions/(?P<name>[^/]+)/(?P<what>urls?)/?")
_TIME = "%Y-%m-%dT%H:%M:%S.%f"


class UrlPorts(Protocol):
    """What opens and closes the ports (`slsdeploy.local.functions.Functions`)."""

    def open_url(
        self, region: str, function: str, qualifier: str | None, auth_type: str, cors: Mapping[str, Any] | None = None
    ) -> str: ...

    def close_url(self, region: str, function: str, qualifier: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """One function URL: of a function, or of one of its aliases."""

    region: str
    function: str
    qualifier: str | None
    settings: dict[str, Any]
    url: str
    created: str
    modified: str

    def shown(self) -> dict[str, Any]:
        """Return what the API answers."""
        return {
            "FunctionUrl": self.url,
            "FunctionArn": lambda_names.arn(self.region, self.function, self.qualifier),
            "AuthType": self.settings["AuthType"],
            **({"Cors": self.settings["Cors"]} if self.settings.get("Cors") else {}),
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "InvokeMode": self.settings.get("InvokeMode") or "BUFFERED",
        }


class FunctionUrls:
    """Every function URL of this local AWS."""

    def __init__(self, ports: UrlPorts) -> None:
        self._ports = ports
        self._urls: dict[tuple[str, str, str | None], FunctionUrl] = {}
        self._lock = threading.Lock()
        self._methods: dict[str, Callable[[tuple[str, str, str | None], Request], Response]] = {
            "POST": self._create,
            "GET": self._get,
            "PUT": self._update,
            "DELETE": self._delete,
        }

    def respond(self, region: str, request: Request, match: re.Match[str]) -> Response:
        """Answer Create-, Get-, Update-, Delete- and ListFunctionUrlConfig(s)."""
        function, qualifier = lambda_names.split(match["name"], request.args.get("Qualifier"))
        if match["what"] == "urls":
            return self._list(region, function)
        if not exists(region, function, qualifier):
            return refusal(
                404, "ResourceNotFoundException", f"Function not found: {lambda_names.arn(region, function, qualifier)}"
            )
        with self._lock:
            return self._methods[request.method]((region, function, qualifier), request)

    def sweep(self) -> None:
        """Close the URLs of functions and aliases that are gone."""
        with self._lock:
            for key in [key for key in self._urls if not exists(*key)]:
                self._close(key)

    def _create(self, key: tuple[str, str, str | None], request: Request) -> Response:
        settings = json.loads(request.get_data() or b"{}")
        qualifier = key[2]
        if qualifier is not None and (qualifier == "$LATEST" or qualifier.isdigit()):
            return refusal(
                400, "InvalidParameterValueException", "Function URLs are for a function or an alias, not for a version"
            )
        if key in self._urls:
            message = f"Failed to create function url config for [functionArn = {lambda_names.arn(*key)}]. "
            return refusal(
                409,
                "ResourceConflictException",
                f"{message}Error message:  FunctionUrlConfig exists for this Lambda function",
            )
        now = datetime.now(UTC).strftime(_TIME)[:-3] + "Z"
        url = self._ports.open_url(*key, settings["AuthType"], settings.get("Cors"))
        self._urls[key] = FunctionUrl(*key, settings, url, now, now)
        return _json(201, self._urls[key].shown())

    def _get(self, key: tuple[str, str, str | None], request: Request) -> Response:
        return _json(200, self._urls[key].shown()) if key in self._urls else _missing()

    def _update(self, key: tuple[str, str, str | None], request: Request) -> Response:
        former = self._urls.get(key)
        if former is None:
            return _missing()
        settings = {**former.settings, **json.loads(request.get_data() or b"{}")}
        url = self._ports.open_url(*key, settings["AuthType"], settings.get("Cors"))
        now = datetime.now(UTC).strftime(_TIME)[:-3] + "Z"
        self._urls[key] = FunctionUrl(*key, settings, url, former.created, now)
        return _json(200, self._urls[key].shown())

    def _delete(self, key: tuple[str, str, str | None], request: Request) -> Response:
        if key not in self._urls:
            return _missing()
        self._close(key)
        return Response(status=204)

    def _list(self, region: str, function: str) -> Response:
        found = [url.shown() for key, url in list(self._urls.items()) if key[:2] == (region, function)]
        return _json(200, {"FunctionUrlConfigs": found})

    def _close(self, key: tuple[str, str, str | None]) -> None:
        del self._urls[key]
        self._ports.close_url(*key)


def exists(region: str, function: str, qualifier: str | None) -> bool:
    """Return whether there is such a function, version or alias."""
    try:
        lambda_backends[ACCOUNT][region].get_function(function, qualifier)
    except LambdaClientError:
        return False
    return True


def refusal(status: int, kind: str, message: str) -> Response:
    """Return an error as Lambda's API answers it."""
    body = json.dumps({"Type": "User" if status < 500 else "Service", "Message": message, "message": message})
    return Response(body, status, {"Content-Type": "application/json", "x-amzn-ErrorType": kind})


def _missing() -> Response:
    return refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body), status, {"Content-Type": "application/json"})

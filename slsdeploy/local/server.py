"""The local AWS's endpoint: which service a request is for, and who answers it. Start reading here.

    /_slsdeploy/status               ourselves: that we are up, our functions
    CloudFormation                   `cloudformation/`
    Lambda: Invoke, function URLs    `functions/` (behind `invoke.py`, `function_urls.py`)
    everything else                  moto, its services loaded when first used

Loopback only, and only for this machine's programs: a request with a foreign Host or Origin header comes from a web page
in somebody's browser, and whoever may create functions here may run code here.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from slsdeploy.local import function_urls, invoke, query
from slsdeploy.local.clients import Clients
from slsdeploy.local.cloudformation.api import CloudFormation
from slsdeploy.local.lambda_names import ACCOUNT
from slsdeploy.local.status import PING_PATH, STATUS_PATH, Lambda, status_response

_log = logging.getLogger(__name__)
_LOCAL_HOST = re.compile(r"(.*\.)?localhost|127\.0\.0\.1|\[?::1\]?")
# What every deployment uses; moto loads the others when they are first asked for.
_PRELOADED = ("s3", "sts", "iam", "logs", "lambda", "sqs")
_PRELOADED_CLIENTS = ("lambda", "iam", "s3", "logs", "sqs")


class Front:
    """The WSGI application: sends each request to whoever answers it."""

    def __init__(self, functions: Lambda, endpoint: str) -> None:
        self._functions = functions
        self._urls = function_urls.FunctionUrls(functions)
        self._clients = Clients(endpoint)
        self._formation = CloudFormation(ACCOUNT, self._clients.get)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        response = self._own(request)
        if response is None:
            return self._to_moto(environ, start_response, request)
        return response(environ, start_response)

    def preload(self) -> None:
        """Load what the first deployment will need, in the background."""

        def load() -> None:
            query.model("cloudformation")
            for service in _PRELOADED:
                self._moto.get_application(
                    {"PATH_INFO": "/", "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": _credential(service)}
                )
            for service in _PRELOADED_CLIENTS:
                self._clients.get("us-east-1", service)

        threading.Thread(target=load, name="preload", daemon=True).start()

    def _own(self, request: Request) -> Response | None:
        """Return our own answer, or None when the request is moto's."""
        if not is_local(request):
            return Response("the local AWS answers programs of this machine only\n", 403)
        if request.path == PING_PATH:
            return Response(status=204)
        if request.path == STATUS_PATH:
            return status_response(self._functions)
        service, region = service_of(request)
        try:
            if service == "cloudformation":
                return query.respond(service, request, lambda name, given: self._formation.answer(name, region, given))
            if service == "lambda":
                return self._lambda(region, request)
        except HTTPException as error:
            return Response(error.description, error.code)
        return None

    def _lambda(self, region: str, request: Request) -> Response | None:
        if match := invoke.PATH.fullmatch(request.path):
            return invoke.respond(self._functions, region, request, match["name"])
        if match := function_urls.PATH.fullmatch(request.path):
            return self._urls.respond(region, request, match)
        return None

    def _to_moto(self, environ: dict[str, Any], start_response: Any, request: Request) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto(environ, start_response)
        if service_of(request)[0] == "lambda" and request.method != "GET":
            self._urls.sweep()
            self._functions.changed()
        return answer


def is_local(request: Request) -> bool:
    """Return whether a request comes from a program of this machine, and not from a web page."""
    origin = request.headers.get("Origin")
    host = urlsplit(f"//{request.host}").hostname or ""
    if origin is not None and not _LOCAL_HOST.fullmatch(urlsplit(origin).hostname or ""):
        return False
    return bool(_LOCAL_HOST.fullmatch(host)) or host.endswith(".amazonaws.com")


def service_of(request: Request) -> tuple[str, str]:
    """Return the service and the region that a request is signed for; ("", "us-east-1") when it is not signed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split()
    parts = (scope[0] if scope else request.args.get("X-Amz-Credential", "")).split("/")
    return (parts[3], parts[2]) if len(parts) == 5 else ("", "us-east-1")


def _credential(service: str) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    """moto's request handler, quiet: a line per request would fill the log."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type != "info":
            _log.warning(message, *args)


def listen(front: Any, host: str, fd: int) -> BaseWSGIServer:
    """Return the threaded server on a socket that is bound already."""
    return make_server(host, 0, front, threaded=True, request_handler=_Handler, fd=fd)

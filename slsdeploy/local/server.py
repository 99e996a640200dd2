"""The local AWS's endpoint: which service a request is for, and who answers it. Start reading here.

    /_slsdeploy/status               ourselves: that we are up, our functions
    /_slsdeploy/layers/...           the content of layers
    CloudFormation                   `cloudformation/`
    Lambda: Invoke, function URLs    `functions/` (behind `invoke.py`, `function_urls.py`)
    /v2/..., unsigned                `images/`: the registry of container images
    everything else                  moto, its services loaded when first used

Loopback only, and only for this machine's programs: `access.py` keeps web pages out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from slsdeploy.local import access, function_urls, invoke, layer_content, query
from slsdeploy.local.clients import Clients
from slsdeploy.local.cloudformation.api import CloudFormation
from slsdeploy.local.images.api import Registry
from slsdeploy.local.lambda_names import ACCOUNT
from slsdeploy.local.status import OWN_PATHS, PING_PATH, STATUS_PATH, Lambda, status_response

_log = logging.getLogger(__name__)
# What every deployment uses; moto loads the others when they are first asked for.
_PRELOADED = ("s3", "sts", "iam", "logs", "lambda", "sqs")
_PRELOADED_CLIENTS = ("lambda", "iam", "s3", "logs", "sqs")


class Front:
    """The WSGI application: sends each request to whoever answers it."""

    def __init__(self, functions: Lambda, endpoint: str, images: Registry) -> None:
        self._functions = functions
        self._images = images
        self._urls = function_urls.FunctionUrls(functions)
        self._clients = Clients(endpoint)
        self._formation = CloudFormation(ACCOUNT, self._clients.get, functions.localized)
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
                self._moto.get_application(_signed_for(service))
            for service in _PRELOADED_CLIENTS:
                self._clients.get("us-east-1", service)
            self._functions.preload()

        threading.Thread(target=load, name="preload", daemon=True).start()

    def _own(self, request: Request) -> Response | None:
        """Return our own answer, or None when the request is moto's."""
        if why := access.refusal(request):
            return Response(f"{why}\n", 403)
        if request.path.startswith(OWN_PATHS):
            return self._of_path(request)
        if access.is_for_registry(request):
            return self._images.respond(request)
        service, region = access.service_of(request)
        try:
            if service == "cloudformation":
                return query.respond(service, request, lambda name, given: self._formation.answer(name, region, given))
            if service == "lambda":
                return self._lambda(region, request)
        except HTTPException as error:
            return Response(error.description, error.code)
        return None

    def _of_path(self, request: Request) -> Response | None:
        if request.path == PING_PATH:
            return Response(status=204)
        if request.path == STATUS_PATH:
            return status_response(self._functions)
        match = layer_content.PATH.fullmatch(request.path)
        return layer_content.respond(request, match) if match else None

    def _lambda(self, region: str, request: Request) -> Response | None:
        if match := invoke.PATH.fullmatch(request.path):
            return invoke.respond(self._functions, region, request, match["name"])
        if match := function_urls.PATH.fullmatch(request.path):
            return self._urls.respond(region, request, match)
        return None

    def _to_moto(self, environ: dict[str, Any], start_response: Any, request: Request) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto_app(environ)(environ, start_response)
        service = access.service_of(request)[0] if request.method != "GET" else ""
        if service == "lambda":
            self._urls.sweep()
            self._functions.changed()
        elif service == "apigateway":
            self._functions.apis_changed()
        return answer

    def _moto_app(self, environ: dict[str, Any]) -> Any:
        # What has no Authorization header is presigned for S3; moto would look for other services in its path.
        return self._moto.get_application(environ if "HTTP_AUTHORIZATION" in environ else _signed_for("s3"))


def _signed_for(service: str) -> dict[str, str]:
    scope = f"local/20250101/us-east-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {"PATH_INFO": "/", "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": authorization}


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    """moto's request handler, quiet: a line per request would fill the log."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type != "info":
            _log.warning(message, *args)


def listen(front: Any, host: str, fd: int) -> BaseWSGIServer:
    """Return the threaded server on a socket that is bound already."""
    return make_server(host, 0, front, threaded=True, request_handler=_Handler, fd=fd)

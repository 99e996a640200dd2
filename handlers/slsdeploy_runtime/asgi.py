"""The HTTP side: one small ASGI application. A routing table, and one function per route from what was sent to a Reply.

The caller's mistakes are 4xx with a JSON body that names the field; ours a 500 with a JSON body, and the traceback in the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from slsdeploy_runtime import forms, http_body, oip, oip_binary, openapi
from slsdeploy_runtime.decode import from_json
from slsdeploy_runtime.encode import to_json
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, request and response)
MAX_BYTES = 6 * 1024 * 1024
ENVELOPE_BYTES = 1024  # status and headers around a body


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: lower-case headers, the path, its variable parts by name, the whole body."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: str
    body: bytes
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a status, a body of plain JSON values or of bytes as they are, headers beside its type."""

    status: int
    value: Any
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def content(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else to_json(self.value)

    @property
    def content_type(self) -> bytes:
        return b"application/octet-stream" if isinstance(self.value, bytes) else b"application/json"


def wrapped_size(content: bytes, content_type: bytes) -> int:
    """Return how many bytes Lambda counts for an answer: Mangum puts the body into JSON, as a string or in base64.

    Our JSON has no control characters, and the managed runtimes leave other characters as they are (3.12 and later).
    """
    if content_type == b"application/json":
        return ENVELOPE_BYTES + len(content) + content.count(b'"') + content.count(b"\\")
    return ENVELOPE_BYTES + 4 * -(-len(content) // 3)


class Refused(Exception):
    """A request that is answered with a 4xx other than 400: its status, and the message for the body."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"error": message}, headers)


class Application:
    """The routes over one service, as ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        reply = self._reply(scope, body)
        content = reply.content
        size = wrapped_size(content, reply.content_type)
        if size > MAX_BYTES:
            reply = _too_large(f"the answer has {size} bytes as Lambda wraps it", "ask for fewer rows")
            content = reply.content
        headers = ((b"content-type", reply.content_type), *reply.headers, *self._timing())
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _timing(self) -> list[tuple[bytes, bytes]]:
        """Tell the caller of a cold start how long it took (ms): https://www.w3.org/TR/server-timing/."""
        init = self._service.telemetry.cold_start_ms
        return [] if init is None else [(b"server-timing", b"init;dur=%.1f" % init)]

    def _reply(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        path = _without_stage(scope)
        try:
            if len(body) > MAX_BYTES:
                return _too_large(f"the body has {len(body)} bytes", "send fewer rows")
            function, parts = _route(scope["method"], path)
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            query = scope["query_string"].decode()
            return function(self._service, Call(scope["method"], path, headers, query, body, parts))
        except Refused as refused:
            return refused.reply
        except BadInput as error:
            self._service.telemetry.failure(error, f"{scope['method']} {path}")
            status = 415 if isinstance(error, http_body.NotJson) else 400
            return Reply(status, {"error": error.message, **error.details})
        except Exception as error:
            self._service.telemetry.failure(error, f"{scope['method']} {path}")
            return Reply(500, {"error": "the function failed; its log says why"})


def _live(service: Service, call: Call) -> Reply:
    return Reply(200, {"live": True})


def _ready(service: Service, call: Call) -> Reply:
    return Reply(200, {"ready": True})  # a function that answers has loaded its models


def _server(service: Service, call: Call) -> Reply:
    return Reply(200, {"name": service.name, "version": "1", "extensions": [oip_binary.NAME]})


def _model_metadata(service: Service, call: Call) -> Reply:
    return Reply(200, oip.metadata(_model(service, call)))


def _model_ready(service: Service, call: Call) -> Reply:
    return Reply(200, {"name": _model(service, call).name, "ready": True})


def _infer(service: Service, call: Call) -> Reply:
    model = _model(service, call)
    document, tail = oip_binary.split(call.body, call.headers)
    # with raw tensors behind it, the JSON goes under another Content-Type
    is_json = oip_binary.HEADER not in call.headers
    asked = oip.read(http_body.read_json(document, call.headers) if is_json else from_json(document), model, tail)
    answer = service.infer(forms.Ask(model, asked.inputs, asked.reply))
    joined = oip_binary.join(answer)
    if joined is None:
        return Reply(200, answer)
    content, length = joined
    return Reply(200, content, ((oip_binary.HEADER.encode(), str(length).encode()),))


def _predict(service: Service, call: Call) -> Reply:
    if service.handler.preprocess is None:
        data, content_type = http_body.read_json(call.body, call.headers), "application/json"
    else:
        data, content_type = http_body.read_any(call.body, call.headers)
    meta = {"method": call.method, "path": call.path, "query": call.query, "headers": call.headers}
    return Reply(200, service.answer(Request(data, content_type, "http", meta)))


def _openapi(service: Service, call: Call) -> Reply:
    return Reply(200, openapi.document(service.name, list(service.models.values())))


Route = Callable[[Service, Call], Reply]

ROUTES: tuple[tuple[str, Mapping[str, Route]], ...] = (
    ("/predict", {"POST": _predict}),
    ("/v2/models/{model}/infer", {"POST": _infer}),
    ("/v2/models/{model}/versions/{version}/infer", {"POST": _infer}),
    ("/v2/models/{model}", {"GET": _model_metadata}),
    ("/v2/models/{model}/versions/{version}", {"GET": _model_metadata}),
    ("/v2/models/{model}/ready", {"GET": _model_ready}),
    ("/v2/models/{model}/versions/{version}/ready", {"GET": _model_ready}),
    ("/v2/health/live", {"GET": _live}),
    ("/v2/health/ready", {"GET": _ready}),
    ("/v2", {"GET": _server}),
    ("/openapi.json", {"GET": _openapi}),
)
_TABLE = [(path.strip("/").split("/"), functions) for path, functions in ROUTES]


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the function for a request, and the path's variable parts. Raises Refused."""
    segments = path.strip("/").split("/")
    for pattern, functions in _TABLE:
        if len(pattern) != len(segments):
            continue
        pairs = list(zip(pattern, segments, strict=True))
        if all(want == got or want[:1] == "{" for want, got in pairs):
            if method not in functions:
                allowed = ", ".join(functions)
                message = f"{path} does not take {method}: use {allowed}"
                raise Refused(405, message, (b"allow", allowed.encode()))
            return functions[method], {want[1:-1]: got for want, got in pairs if want[:1] == "{"}
    known = ", ".join(f"{next(iter(functions))} {path}" for path, functions in ROUTES)
    raise Refused(404, f"there is no {path}; there is {known}")


def _model(service: Service, call: Call) -> Model:
    name, version = call.parts["model"], call.parts.get("version")
    if name not in service.models:
        raise Refused(404, f"there is no model {name!r}; there is {', '.join(map(repr, service.models))}")
    model = service.models[name]
    if version not in (None, model.version):
        raise Refused(404, f"model {name!r} has no version {version!r}; it has {model.version!r}")
    return model


def _too_large(what: str, advice: str) -> Reply:
    return Reply(413, {"error": f"{what}, Lambda takes {MAX_BYTES}: {advice}"})


def _without_stage(scope: Mapping[str, Any]) -> str:
    """Return the path without API Gateway's stage: an HTTP API leaves it in unless the stage is `$default`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    path: str = scope["path"] or "/"
    event = scope.get("aws.event", {})
    if event.get("version") != "2.0":
        return path
    prefix = f"/{event['requestContext'].get('stage', '$default')}"
    return path.removeprefix(prefix) or "/" if path == prefix or path.startswith(prefix + "/") else path

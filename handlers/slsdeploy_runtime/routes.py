"""The HTTP side: a routing table, and one function per route from a Call to what is answered.

The caller's mistakes are 4xx with a JSON body that names the field (the Open Inference Protocol's has its message only); ours a 500
with a JSON body, and the traceback in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from time import perf_counter
from typing import Any, NamedTuple

from slsdeploy_runtime import http_body
from slsdeploy_runtime.answer_size import ANSWER_BYTES
from slsdeploy_runtime.http_event import HTML, JSON, Call, Reply
from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Service
from slsdeploy_runtime.unavailable import Unavailable

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, request and response)
MAX_BYTES = ANSWER_BYTES
ENVELOPE_BYTES = 1024  # status and headers around a body
COMPRESS_BYTES = 4096  # an answer of fewer is as soon there as it is


class Asked(NamedTuple):
    """A call and the variable parts of its path, by name."""

    call: Call
    parts: Mapping[str, str]


def wrapped_size(reply: Reply) -> int:
    """Return how many bytes Lambda counts for an answer: the body is put into JSON, as a string or in base64.

    Our texts have no control characters but line breaks, and the managed runtimes leave other characters as they are (3.12 and later).
    """
    content = reply.body
    if reply.is_text:
        return ENVELOPE_BYTES + len(content) + content.count(b'"') + content.count(b"\\") + content.count(b"\n")
    return ENVELOPE_BYTES + 4 * -(-len(content) // 3)


class Refused(Exception):
    """A request that is answered by its status: a 4xx other than 400 with a message for the body, or a 204 with none."""

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.reply = Reply(status, to_json({"error": message}) if message else b"", headers=headers)


def answer(service: Service, call: Call) -> Reply:
    """Answer one request; whatever goes wrong, it is an answer."""
    began = perf_counter()
    telemetry = service.telemetry
    telemetry.asked(http_body.request_id(call.headers.get("x-request-id", "")))
    reply = _attempt(service, call)
    if len(reply.body) > COMPRESS_BYTES:
        reply = _compressed(reply, call.headers)
    if call.method == "HEAD":
        reply = reply._replace(body=b"", is_text=True)
    if len(reply.body) > call.most // 2 and wrapped_size(reply) > call.most:
        reply = _elsewhere(service, call, reply)
    told = (("x-request-id", telemetry.caller_id), ("server-timing", telemetry.server_timing(began)))
    return reply._replace(headers=(*reply.headers, *told))


def _attempt(service: Service, call: Call) -> Reply:
    try:
        if len(call.body) > MAX_BYTES:
            return _too_large(f"the body has {len(call.body)} bytes", "send fewer rows")
        function, parts = _route(call.method, call.path)
        if "content-encoding" in call.headers and call.body:
            call = call._replace(body=_unpacked(call))
        return function(service, Asked(call, parts))
    except Refused as refused:
        return refused.reply
    except BadInput as error:
        return bad_input(service, error, f"{call.method} {call.path}", call.path)
    except Unavailable as error:
        service.telemetry.failure(error, f"{call.method} {call.path}")
        return Reply(503, to_json({"error": error.public}), headers=(("retry-after", str(ceil(error.retry_after))),))
    except Exception as error:
        return failed(service, error, f"{call.method} {call.path}")


def bad_input(service: Service, error: BadInput, where: str, path: str = "") -> Reply:
    """Answer the caller's mistake; below /v2 as the Open Inference Protocol has it."""
    service.telemetry.failure(error, where)
    status = 415 if isinstance(error, http_body.NotJson) else 400
    details = {} if path.startswith("/v2/") else error.details
    return _json(status, {"error": error.message, **details})


def failed(service: Service, error: Exception, where: str) -> Reply:
    """Answer our own mistake, or the user's: the log says what it was."""
    service.telemetry.failure(error, where)
    return _json(500, {"error": "the function failed; its log says why"})


def _json(status: int, value: Any) -> Reply:
    return Reply(status, to_json(value))


def _live(service: Service, asked: Asked) -> Reply:
    return _json(200, {"live": True})


def _ready(service: Service, asked: Asked) -> Reply:
    """200 for yes and 400 for no: the protocol wants 2xx and 4xx."""
    is_ready = all(model.is_ready for model in service.models.values())
    return _json(200 if is_ready else 400, {"ready": is_ready})


def _server(service: Service, asked: Asked) -> Reply:
    from slsdeploy_runtime import oip_binary

    return _json(200, {"name": service.name, "version": "1", "extensions": [oip_binary.NAME]})


def _model_metadata(service: Service, asked: Asked) -> Reply:
    from slsdeploy_runtime import oip

    return _json(200, oip.metadata(_model(service, asked)))


def _model_ready(service: Service, asked: Asked) -> Reply:
    model = _model(service, asked)
    is_ready = model.is_ready
    return _json(200 if is_ready else 400, {"name": model.name, "ready": is_ready})


def _infer(service: Service, asked: Asked) -> Reply:
    from slsdeploy_runtime import oip_http

    return oip_http.infer(service, _model(service, asked), asked.call)


def _predict(service: Service, asked: Asked) -> Reply:
    call = asked.call
    model = _model(service, asked).name if "model" in asked.parts else ""
    if service.handler.preprocess is None:
        data, content_type = http_body.read_json(call.body, call.headers), JSON
    else:
        data, content_type = http_body.read_any(call.body, call.headers)
    meta = {"method": call.method, "path": call.path, "query": call.query, "headers": call.headers}
    return _json(200, service.answer(Request(data, content_type, "http", meta, model)))


def _openapi(service: Service, asked: Asked) -> Reply:
    from slsdeploy_runtime import openapi

    document = openapi.document(service.name, list(service.models.values()), service.handler)
    if asked.call.base:
        document["servers"] = [{"url": asked.call.base}]
    return _json(200, document)


def _index(service: Service, asked: Asked) -> Reply:
    """Say what there is; a browser, which says that it wants HTML, is sent to the page beside it (there may be a stage in front)."""
    listed = {"name": service.name, "models": list(service.models), "routes": _routes()}
    if "text/html" in asked.call.headers.get("accept", ""):
        return Reply(302, to_json(listed), headers=(("location", "docs"),))
    return _json(200, listed)


def _docs(service: Service, asked: Asked) -> Reply:
    from slsdeploy_runtime import docs_page

    page = docs_page.render(service, is_signed=asked.call.is_signed)
    headers = (("content-security-policy", docs_page.policy()), ("cache-control", "no-cache"))
    return Reply(200, page, HTML, headers)


Route = Callable[[Service, Asked], Reply]

ROUTES: tuple[tuple[str, Mapping[str, Route]], ...] = (
    ("/predict", {"POST": _predict}),
    ("/predict/{model}", {"POST": _predict}),
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
    ("/docs", {"GET": _docs}),
    ("/", {"GET": _index}),
)


def _routes() -> list[str]:
    return [f"{method} {path}" for path, functions in ROUTES for method in functions]


_TABLE = [(path.strip("/").split("/"), functions) for path, functions in ROUTES]


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the function for a request, and the path's variable parts. Raises Refused."""
    segments = path.strip("/").split("/")
    for pattern, functions in _TABLE:
        if len(pattern) != len(segments):
            continue
        pairs = list(zip(pattern, segments, strict=True))
        if all(want == got or want[:1] == "{" for want, got in pairs):
            function = functions.get("GET" if method == "HEAD" else method)
            if function is None:
                raise _no_such_method(method, path, functions)
            return function, {want[1:-1]: got for want, got in pairs if want[:1] == "{"}
    raise Refused(404, f"there is no {path}; there is {', '.join(_routes())}")


def _no_such_method(method: str, path: str, functions: Mapping[str, Route]) -> Refused:
    """Return the answer to a method that a path does not have; OPTIONS asks which it has."""
    allowed = ", ".join([*functions, *(["HEAD"] if "GET" in functions else []), "OPTIONS"])
    if method == "OPTIONS":
        return Refused(204, "", ("allow", allowed))
    return Refused(405, f"{path} does not take {method}: use {allowed}", ("allow", allowed))


def _model(service: Service, asked: Asked) -> Model:
    name, version = asked.parts["model"], asked.parts.get("version")
    if name not in service.models:
        raise Refused(404, f"there is no model {name!r}; there is {', '.join(map(repr, service.models))}")
    model = service.models[name]
    if version not in (None, model.version):
        raise Refused(404, f"model {name!r} has no version {version!r}; it has {model.version!r}")
    return model


def _unpacked(call: Call) -> bytes:
    from slsdeploy_runtime import compression  # only for who compresses

    try:
        return compression.unpacked(call.body, call.headers["content-encoding"])
    except compression.UnknownEncoding as error:
        raise Refused(415, error.message, ("accept-encoding", "gzip, deflate")) from None
    except compression.TooLarge as error:
        raise Refused(413, error.message) from None


def _compressed(reply: Reply, headers: Mapping[str, str]) -> Reply:
    from slsdeploy_runtime import compression

    varies = reply._replace(headers=(*reply.headers, ("vary", "accept-encoding")))
    encoding = compression.accepted(headers)
    if not encoding:
        return varies
    packed = varies._replace(body=compression.packed(reply.body, encoding), is_text=False)
    # base64 makes it a third longer on its way out of the function
    if wrapped_size(packed) > wrapped_size(reply):
        return varies
    return packed._replace(headers=(*varies.headers, ("content-encoding", encoding)))


def _elsewhere(service: Service, call: Call, reply: Reply) -> Reply:
    from slsdeploy_runtime import large_http

    return large_http.elsewhere(service, reply, wrapped_size(reply), call.most, f"{call.method} {call.path}")


def _too_large(what: str, advice: str) -> Reply:
    return _json(413, {"error": f"{what}, Lambda takes {MAX_BYTES}: {advice}"})

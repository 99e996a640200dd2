"""An inference request of the Open Inference Protocol over HTTP: JSON, or JSON with raw tensors behind it; answered in kind."""

from __future__ import annotations

from slsdeploy_runtime import http_body, oip, oip_binary
from slsdeploy_runtime.forms import Ask
from slsdeploy_runtime.http_event import Call, Reply
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.service import Service


def infer(service: Service, model: Model, call: Call) -> Reply:
    """Answer `POST /v2/models/{name}/infer`. Raises BadInput."""
    document, tail = oip_binary.split(call.body, call.headers)
    # with raw tensors behind it, the JSON goes under another Content-Type
    is_json = oip_binary.HEADER not in call.headers
    content = http_body.read_json(document, call.headers) if is_json else from_json(document)
    if "x-request-id" not in call.headers and isinstance(content, dict) and isinstance(content.get("id"), str):
        service.telemetry.asked(http_body.request_id(content["id"]))
    asked = oip.read(content, model, tail)
    answer = service.infer(Ask(model, asked.inputs, asked.reply, oip.say))
    joined = oip_binary.join(answer)
    if joined is None:
        return Reply(200, to_json(answer))
    body, length = joined
    headers = ((oip_binary.HEADER, str(length)),)
    return Reply(200, body, "application/octet-stream", headers, is_text=False)

"""Lambda's Invoke API: an HTTP request -> a call of the data plane -> the HTTP answer.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import re
from typing import Any, Protocol

from werkzeug.wrappers import Request, Response

from slsdeploy.local.functions.values import InvokeCall, InvokeResult

PATH = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations/?")


class Invokes(Protocol):
    """What runs functions (`slsdeploy.local.functions.Functions`)."""

    def invoke(self, call: InvokeCall) -> InvokeResult: ...


def respond(functions: Invokes, region: str, request: Request, name: str) -> Response:
    """Answer one Invoke request; blocks until the function has answered, unless it is called asynchronously."""
    call = InvokeCall(
        region=region,
        function=name,
        qualifier=request.args.get("Qualifier"),
        payload=request.get_data(),
        invocation_type=request.headers.get("X-Amz-Invocation-Type", "RequestResponse"),
        log_type=request.headers.get("X-Amz-Log-Type", "None"),
        client_context=request.headers.get("X-Amz-Client-Context", ""),
    )
    return _response(functions.invoke(call), call)


def _response(result: InvokeResult, call: InvokeCall) -> Response:
    headers: dict[str, Any] = {"Content-Type": "application/json"}
    if result.error_code:
        headers["x-amzn-ErrorType"] = result.error_code
    if result.function_error:
        headers["X-Amz-Function-Error"] = result.function_error
    if result.executed_version:
        headers["X-Amz-Executed-Version"] = result.executed_version
    if result.log_tail and call.log_type == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode()
    if result.request_id:
        headers["x-amzn-RequestId"] = result.request_id
    return Response(result.payload, result.status_code, headers)

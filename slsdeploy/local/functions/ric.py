"""A Lambda runtime client in pure Python, for hosts where `awslambdaric` has no wheel.

Standard library only; copied beside the function's process as `slsdeploy_ric`. It speaks the Lambda Runtime API,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, and answers and logs as Lambda's own Python client does.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

TYPE_CHECKING = False  # as good as typing's, which would cost every cold start its import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Fault = dict[str, Any]
    Connection = http.client.HTTPConnection

API = "/2018-06-01/runtime"


class ClientError(Exception):
    """The Runtime API answered something unexpected."""


class MarshalError(Exception):
    """The handler's result is not JSON."""


MarshalError.__name__ = "Runtime.MarshalError"


class Identity:
    """What a mobile client's identity would be: always empty here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of every handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = Identity()
        self.client_context = json.loads(headers.get("Lambda-Runtime-Client-Context") or "null")
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this invocation is ended."""
        return max(0, self._deadline - int(time.time() * 1000))


class LogHandler(logging.Handler):
    """Writes records as Lambda's text format does: level, time, request id, message, tab separated."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        try:
            fields = (f"[{record.levelname}]", moment, LogHandler.request_id, self.format(record))
            sys.stdout.write("\t".join(fields) + "\n")
        except Exception:
            self.handleError(record)


def call(
    connection: Connection, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[http.client.HTTPMessage, bytes]:
    """Make one request; return the answer's headers and body. Raises ClientError when it is refused."""
    connection.request(method, API + path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise ClientError(f"{method} {path}: {answer.status} {content[:200]!r}")
    return answer.headers, content


def describe(error: BaseException, request_id: str) -> Fault:
    """Return an exception as Lambda reports it, without the frames of this file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    frames = [frame for frame in frames if not frame.filename.startswith("<frozen importlib")]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def report(connection: Connection, path: str, fault: Fault, kind: str = "") -> None:
    """Log an error as one line, then tell the Runtime API; as an error of that kind, if it has one beside its type."""
    lines = [f"[ERROR] {fault['errorType']}: {fault['errorMessage']}"]
    if fault["stackTrace"]:
        lines += ["Traceback (most recent call last):", *(line.rstrip("\n") for line in fault["stackTrace"])]
    sys.stdout.write("\n".join(lines).replace("\n", "\r") + "\n")
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": kind or fault["errorType"]}
    call(connection, "POST", path, json.dumps(fault).encode(), headers)


def load(name: str) -> tuple[Callable[[Any, Context], Any] | None, Fault]:
    """Import the handler; return it, or None and what Lambda says of a handler that cannot be imported."""
    module, _, function = name.rpartition(".")
    fault: Fault = {"requestId": "", "stackTrace": []}
    if not module:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        return None, {**fault, "errorType": "Runtime.MalformedHandlerName", "errorMessage": message}
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module}': {error}"
        return None, {**fault, "errorType": "Runtime.ImportModuleError", "errorMessage": message}
    except SyntaxError as error:
        message = f"Syntax error in module '{module}': {error}"
        fault["stackTrace"] = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").rstrip()}']
        return None, {**fault, "errorType": "Runtime.UserCodeSyntaxError", "errorMessage": message}
    except Exception as error:
        return None, describe(error, "")
    if not hasattr(found, function):
        message = f"Handler '{function}' missing on module '{module}'"
        return None, {**fault, "errorType": "Runtime.HandlerNotFound", "errorMessage": message}
    return getattr(found, function), fault


def answer(connection: Connection, handler: Callable[[Any, Context], Any]) -> None:
    """Take one event, answer it."""
    headers, body = call(connection, "GET", "/invocation/next")
    request_id = LogHandler.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    if headers.get("Lambda-Runtime-Trace-Id"):
        os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
    path = f"/invocation/{request_id}/"
    try:
        result = handler(json.loads(body), Context(headers))
        kind = "application/octet-stream" if isinstance(result, bytes) else "application/json"
        content = result if isinstance(result, bytes) else marshal(result)
    except Exception as error:
        report(connection, path + "error", describe(error, request_id))
        return
    call(connection, "POST", path + "response", content, {"Content-Type": kind})


def marshal(result: object) -> bytes:
    """Return a handler's result as JSON."""
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise MarshalError(f"Unable to marshal response: {error}") from None


def be_snapshot(connection: Connection) -> None:
    """Run the hooks of before the snapshot, wait to be restored, run those of after it. Exits as Lambda's client does when one fails.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    """
    try:
        import snapshot_restore_py
    except ImportError:  # without it, nobody can have registered any
        before, after = [], []
    else:
        before, after = snapshot_restore_py.get_before_snapshot(), snapshot_restore_py.get_after_restore()
    try:
        while before:
            hook, args, named = before.pop()
            hook(*args, **named)
    except BaseException as error:
        report(connection, "/init/error", describe(error, ""), "Runtime.BeforeSnapshotError")
        sys.exit(64)
    call(connection, "GET", "/restore/next")
    try:
        for hook, args, named in after:
            hook(*args, **named)
    except BaseException as error:
        report(connection, "/restore/error", describe(error, ""), "Runtime.AfterRestoreError")
        sys.exit(65)


def main(argv: list[str]) -> None:
    """Load the handler that `argv` names and answer events until the process is ended."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.getLogger().addHandler(LogHandler())
    # `next` may take for ever, so the connection has no time-out.
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    handler, fault = load(argv[1])
    if handler is None:
        report(connection, "/init/error", fault)
        sys.exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        be_snapshot(connection)
    while True:
        answer(connection, handler)

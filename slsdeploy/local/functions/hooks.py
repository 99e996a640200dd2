"""Where moto would run a function itself, or deliver to one, it is made to call us; what it forgets of a function is kept.

Methods are replaced in place, while the local Lambda runs, and put back when it stops. Written against the minor version of
moto in pyproject.toml. A queue's methods also get the lock that its pollers need: moto's own are not safe between threads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.events.models import Rule
from moto.s3 import notifications
from moto.sns.models import Subscription
from moto.sqs.models import Queue, SQSBackend

from slsdeploy.local.functions import rule_targets, sns_event
from slsdeploy.local.functions.registry import KEPT, is_published
from slsdeploy.local.functions.s3_event import complete
from slsdeploy.local.functions.values import InvokeCall, InvokeResult

_FORGOTTEN = ("DeadLetterConfig", "FileSystemConfigs", "LoggingConfig", "SnapStart")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom moto calls: `invoke` for any invocation, `filled` (a queue's or stream's ARN) when a message or record has arrived."""

    invoke: Callable[[InvokeCall], InvokeResult]
    filled: Callable[[str], None]


class Hooked:
    """moto with our methods in the place of its own, until `restore`."""

    def __init__(self, hooks: Hooks) -> None:
        self._originals: list[tuple[Any, str, Any]] = []
        self._replace(notifications, "_invoke_awslambda", _notify(hooks))
        self._replace(notifications, "_get_s3_event", _completed(notifications._get_s3_event))
        self._replace(LambdaFunction, "invoke", _invoke(hooks))
        self._replace(Subscription, "publish", sns_event.publish(hooks.invoke, Subscription.publish))
        self._replace(Rule, "send_to_targets", rule_targets.send_to_targets(hooks.invoke, Rule.send_to_targets))
        self._replace(LambdaBackend, "send_kinesis_message", _kinesis_record(hooks))
        self._replace(LambdaBackend, "send_dynamodb_items", _table_changes(hooks))
        for name in ("__init__", "update_configuration", "get_configuration"):
            self._replace(LambdaFunction, name, _WRAPPERS[name](getattr(LambdaFunction, name)))
        self._replace(Queue, "add_message", _add_message(hooks, Queue.add_message))
        self._replace(Queue, "delete_message", _locked(Queue.delete_message))
        self._replace(SQSBackend, "receive_message", _receive_message(SQSBackend.receive_message))

    def restore(self) -> None:
        """Put moto's own methods back."""
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)

    def _replace(self, owner: Any, name: str, replacement: Any) -> None:
        self._originals.append((owner, name, getattr(owner, name)))
        setattr(owner, name, replacement)


def _completed(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def get_s3_event(*args: Any) -> dict[str, Any]:
        """Make what S3 would send, to a function, a queue or a topic alike."""
        return complete(original(*args))

    return get_s3_event


def _notify(hooks: Hooks) -> Callable[[str, Any, str, str], None]:
    def invoke_awslambda(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        """An S3 event: delivered asynchronously, whatever becomes of it."""
        payload = json.dumps(event_body).encode()
        hooks.invoke(InvokeCall(region_name, fn_arn, payload=payload, invocation_type="Event"))

    return invoke_awslambda


def _invoke(hooks: Hooks) -> Callable[..., bytes]:
    def invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """Take what moto's other services deliver (SNS, log subscriptions, ...); they give no headers: asynchronous."""
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse") if request_headers else "Event"
        payload = body if isinstance(body, bytes) else str(body or "").encode()
        result = hooks.invoke(InvokeCall(self.region, self.function_arn, payload=payload, invocation_type=kind))
        if result.function_error:
            response_headers["x-amz-function-error"] = result.function_error
        return result.payload

    return invoke


def _kinesis_record(hooks: Hooks) -> Callable[..., None]:
    def send_kinesis_message(self: Any, *, kinesis_stream: str, **record: Any) -> None:
        """Tell the pollers; moto would call the function here, in the request of whoever put the record."""
        hooks.filled(kinesis_stream)

    return send_kinesis_message


def _table_changes(hooks: Hooks) -> Callable[..., bytes]:
    def send_dynamodb_items(self: Any, function_arn: str, items: list[Any], source: str) -> bytes:
        """Tell the pollers; moto drops the stream's records when this answers something."""
        hooks.filled(source)
        return b""

    return send_dynamodb_items


def _keeping_spec(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **more: Any) -> None:
        setattr(self, KEPT, {name: spec[name] for name in _FORGOTTEN if name in spec})
        original(self, account_id, spec, *rest, **more)

    return __init__


def _keeping_update(original: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        update = {name: config_updates[name] for name in _FORGOTTEN if name in config_updates}
        # A published version shares the value with the newest code until then: a new one, not a changed one.
        setattr(self, KEPT, {**getattr(self, KEPT, {}), **update})
        return original(self, config_updates)

    return update_configuration


def _showing_kept(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_configuration(self: Any, *args: Any, **options: Any) -> Any:
        shown = {**original(self, *args, **options), **getattr(self, KEPT, {})}
        return {**shown, "SnapStart": _snap_start(self, shown["SnapStart"])}

    return get_configuration


def _snap_start(function: Any, given: dict[str, Any]) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/api/API_SnapStartResponse.html."""
    applies = given.get("ApplyOn", "None")
    is_on = applies == "PublishedVersions" and is_published(function)
    return {"ApplyOn": applies, "OptimizationStatus": "On" if is_on else "Off"}


_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "__init__": _keeping_spec,
    "update_configuration": _keeping_update,
    "get_configuration": _showing_kept,
}


def _add_message(hooks: Hooks, original: Callable[..., None]) -> Callable[[Any, Any], None]:
    def add_message(self: Any, message: Any) -> None:
        """Add a message and tell the pollers; moto would call the function here, in the sender's own request."""
        with self._messages_lock:
            mappings, self.lambda_event_source_mappings = self.lambda_event_source_mappings, {}
            try:
                original(self, message)
            finally:
                self.lambda_event_source_mappings = mappings
        hooks.filled(self.queue_arn)

    return add_message


def _locked(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        with self._messages_lock:
            return original(self, *args, **options)

    return method


def _receive_message(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def receive_message(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *rest: Any, **options: Any
    ) -> list[Any]:
        """Receive under the queue's lock, so that no two receivers get the same message; wait without holding it."""
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + int(wait_seconds_timeout or 0)
        while True:
            with queue._messages_lock:
                found = original(self, queue_name, count, 0, *rest, **options)
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            # Not longer than this: a message whose visibility timeout ends wakes nobody up.
            with queue._messages_lock:
                queue._messages_lock.wait(min(left, 0.25))

    return receive_message

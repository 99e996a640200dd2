"""A message of a topic -> the event that a function gets for it, and its delivery: asynchronous, as everything that is pushed.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slsdeploy.local.functions.values import InvokeCall
from slsdeploy.local.mends.permissions import function_lets_in

Invoke = Callable[[InvokeCall], Any]
_log = logging.getLogger(__name__)


def make_event(subscription: Any, message: str, message_id: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return the event; `more` is what was published beside the message."""
    region = subscription.topic.arn.split(":")[3]
    host = f"https://sns.{region}.amazonaws.com"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": message_id,
                    "TopicArn": subscription.topic.arn,
                    "Subject": more.get("subject") or None,
                    "Message": message,
                    "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
                    "SignatureVersion": "1",
                    "Signature": "local",
                    "SigningCertUrl": f"{host}/SimpleNotificationService-local.pem",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
                    "MessageAttributes": {
                        name: {"Type": value["Type"], "Value": _text(value["Value"])}
                        for name, value in (more.get("message_attributes") or {}).items()
                    },
                },
            }
        ]
    }


def publish(invoke: Invoke, original: Callable[..., None]) -> Callable[..., None]:
    """Return what delivers a subscription's message: to a function in our way, to all else in moto's."""

    def deliver(self: Any, message: str, message_id: str, **more: Any) -> None:
        if self.protocol != "lambda":
            original(self, message, message_id, **more)
            return
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(more.get("message_attributes"), message):
            return
        if not function_lets_in(self.endpoint, "sns.amazonaws.com", self.topic.arn):
            _log.warning("%s may not invoke %s: its policy does not say so", self.topic.arn, self.endpoint)
            return
        if more.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        payload = json.dumps(make_event(self, message, message_id, more)).encode()
        invoke(InvokeCall(self.endpoint.split(":")[3], self.endpoint, payload=payload, invocation_type="Event"))

    return deliver


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)

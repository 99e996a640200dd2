"""Sends what became of an asynchronous invocation, or of a stream's batch, to its destination, through moto, in this process.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html. Queues, topics, functions, event buses and buckets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.events.models import events_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from slsdeploy.local.functions.values import FunctionSpec, InvokeCall, Outcome, Request
from slsdeploy.local.lambda_names import ACCOUNT

Invoke = Callable[[InvokeCall], Any]


def record(request: Request, spec: FunctionSpec, outcome: Outcome, condition: str, count: int) -> dict[str, Any]:
    """Return the invocation record that a destination gets; `condition` is "Success", "RetriesExhausted", ..."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    response = {"statusCode": 200, "executedVersion": spec.version}
    if outcome.error:
        response["functionError"] = outcome.error
    return {
        "version": "1.0",
        "timestamp": now,
        "requestContext": {
            "requestId": request.id,
            "functionArn": f"{spec.arn}:{spec.version}",
            "condition": condition,
            "approximateInvokeCount": count,
        },
        "requestPayload": _json(request.payload),
        "responseContext": response,
        "responsePayload": _json(outcome.payload),
    }


def dead_letter_attributes(request: Request, outcome: Outcome) -> dict[str, dict[str, str]]:
    """Return the message attributes that a dead letter has beside the event, which is its body."""
    message = _json(outcome.payload)
    text = message.get("errorMessage", "") if isinstance(message, dict) else str(message)
    return {
        "RequestID": {"DataType": "String", "StringValue": request.id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": str(text)[:1024] or "-"},
    }


def send(arn: str, body: str, attributes: Mapping[str, Mapping[str, str]], invoke: Invoke) -> None:
    """Send a text to the resource that an ARN names. Raises ValueError for one that cannot be a destination here."""
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "sqs":
        sqs_backends[ACCOUNT][region].send_message(name, body, {key: dict(value) for key, value in attributes.items()})
    elif service == "sns":
        typed = {key: {"Type": value["DataType"], "Value": value["StringValue"]} for key, value in attributes.items()}
        sns_backends[ACCOUNT][region].publish(body, arn=arn, message_attributes=typed)
    elif service == "lambda":
        invoke(InvokeCall(region, arn, payload=body.encode(), invocation_type="Event"))
    elif service == "events":
        events_backends[ACCOUNT][region].put_events([_bus_event(arn, body)])
    elif service == "s3":
        function = json.loads(body)["requestContext"]["functionArn"].split(":")[6]
        _put(arn, f"aws/lambda/async/{function}", body)
    else:
        raise ValueError(f"the local AWS cannot deliver to {arn}")


def send_failed_batch(arn: str, told: Mapping[str, Any], folder: str, invoke: Invoke) -> None:
    """Tell of a stream's records that were given up; only a bucket gets the records (`payload`) too.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. Raises ValueError as `send` does.
    """
    if arn.split(":")[2] == "s3":
        _put(arn, f"aws/lambda/{folder}", json.dumps(told))
    else:
        send(arn, json.dumps({key: value for key, value in told.items() if key != "payload"}), {}, invoke)


def _put(arn: str, folder: str, body: str) -> None:
    now = datetime.now(UTC)
    key = f"{folder}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
    s3_backends[ACCOUNT]["aws"].put_object(arn.rpartition(":")[2], key, body.encode())


def _bus_event(arn: str, body: str) -> dict[str, str]:
    condition = json.loads(body)["requestContext"]["condition"]
    kind = "Success" if condition == "Success" else "Failure"
    return {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {kind}",
        "Detail": body,
        "EventBusName": arn.rsplit("/", 1)[-1],
    }


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")

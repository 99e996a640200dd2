"""SnapStart's rules for an environment: how long what may take, what it is given, what a failure is called.

There is no snapshot here: each environment goes through the phases for itself, with the same hooks in the same order.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html has the limits, botocore's shapes
SnapStartException and SnapStartTimeoutException the answers.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from slsdeploy.local.functions.values import FunctionSpec, Outcome, failure
from slsdeploy.local.functions.wire import Connection, Message

RESTORE_SECONDS = 10.0
LIMIT = (
    "SnapStart: hooks run in their order and within their limits, but no memory is copied. Each environment of a version initialises "
    "itself, in its first invocation; a Restore Duration holds the after-restore hooks only."
)
# What Invoke answers in place of the function, and with which status.
REFUSALS = {"SnapStartException": 400, "SnapStartTimeoutException": 408}
CREDENTIALS = "/2021-04-23/credentials"
_INIT_SECONDS = 130.0
_BEFORE, _AFTER = "Runtime.BeforeSnapshotError", "Runtime.AfterRestoreError"


def init_seconds(spec: FunctionSpec) -> float:
    """Return how long initialising may take, with the hooks before the snapshot."""
    return max(_INIT_SECONDS, spec.timeout)


def init_failure(spec: FunctionSpec, outcome: Outcome) -> Outcome:
    """Return what an environment that cannot be snapshot answers: on AWS the version would not be there to be asked."""
    if outcome.kind == "Sandbox.InitTimeout":
        text = f"initialising took longer than {init_seconds(spec):g} seconds"
        return failure(outcome.kind, f"{text}; on AWS, publishing this version fails")
    told = _told(outcome)
    what = "a before-snapshot hook failed" if outcome.kind == _BEFORE else "initialising failed"
    told["errorMessage"] = f"{told.get('errorMessage', '')} ({what}: on AWS, publishing this version fails)"
    return Outcome(json.dumps(told).encode(), outcome.error, outcome.kind)


def restore_failure(outcome: Outcome | None) -> Outcome:
    """Return what is answered when the hooks after a restore failed, or (None) took too long."""
    if outcome is None:
        text = f"Lambda couldn't restore the snapshot within the timeout limit ({RESTORE_SECONDS:g} seconds)."
        return failure("SnapStartTimeoutException", text)
    if outcome.kind != _AFTER:
        return outcome
    told = _told(outcome)
    said = f"{told.get('errorType')}: {told.get('errorMessage')}"
    text = f"The afterRestore() runtime hook encountered an error: {said}. For more information, check the Amazon CloudWatch logs."
    return failure("SnapStartException", text)


def _told(outcome: Outcome) -> dict[str, Any]:
    """Read what a runtime client reported, which may be anything."""
    try:
        told = json.loads(outcome.payload)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"errorType": outcome.kind, "errorMessage": repr(outcome.payload[:200])}


class Credentials:
    """The credentials of one environment: asked for over HTTP, since those of the time of the snapshot would not hold for long.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
    """

    def __init__(self, access_key: str, secret_key: str, session_token: str) -> None:
        self._keys = {"AccessKeyId": access_key, "SecretAccessKey": secret_key, "Token": session_token}
        self._authorization = uuid.uuid4().hex

    def variables(self, address: str) -> dict[str, str]:
        """Return the environment variables by which AWS's clients find them."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{address}{CREDENTIALS}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._authorization,
        }

    def answer(self, message: Message, connection: Connection) -> None:
        """Answer a request for them."""
        is_allowed = message.headers.get("authorization") == self._authorization
        until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        document = {**self._keys, "Expiration": until} if is_allowed else {"message": "unauthorized"}
        connection.reply(
            200 if is_allowed else 403, {"Content-Type": "application/json"}, json.dumps(document).encode()
        )

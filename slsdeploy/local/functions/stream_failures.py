"""Records of a stream that were given up -> what the on-failure destination of their mapping is told; pure.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
Queues and topics get metadata only, a bucket the records too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from slsdeploy.local.functions.stream_work import Record
from slsdeploy.local.functions.values import FunctionSpec, Outcome


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records, why and after how many invocations they were given up, and the last of those (None: there was none)."""

    records: tuple[Record, ...]
    condition: str
    count: int
    spec: FunctionSpec | None = None
    outcome: Outcome | None = None


def record(given_up: GivenUp, mapping: Any, shard: str) -> dict[str, Any]:
    """Return what a destination is told; `payload` is for buckets."""
    records, spec, outcome = given_up.records, given_up.spec, given_up.outcome
    is_kinesis = mapping.event_source_arn.split(":")[2] == "kinesis"
    told: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": mapping.function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": given_up.count,
        }
    }
    if spec is not None and outcome is not None:
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": spec.version}
        if outcome.error:
            response["functionError"] = outcome.error
        told["responseContext"] = response
    return {
        **told,
        "version": "1.0",
        "timestamp": moment(datetime.now(UTC).timestamp()),
        "KinesisBatchInfo" if is_kinesis else "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": records[0].sequence,
            "endSequenceNumber": records[-1].sequence,
            "approximateArrivalOfFirstRecord": moment(records[0].arrived),
            "approximateArrivalOfLastRecord": moment(records[-1].arrived),
            "batchSize": len(records),
            "streamArn": mapping.event_source_arn,
        },
        "payload": {"Records": [each.event for each in records]},
    }


def moment(seconds: float) -> str:
    """Return a time (seconds since 1970) as AWS writes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"

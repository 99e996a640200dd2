"""The shards of moto's Kinesis and DynamoDB streams, and their records in the form that Lambda gives to functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.kinesis.models import kinesis_backends

from slsdeploy.local.functions.stream_work import Record
from slsdeploy.local.lambda_names import ACCOUNT

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"


class Shard(Protocol):
    """A shard: its id, the place of its next record at an end of it, and the records from a place on."""

    id: str

    def start(self, position: str, timestamp: float) -> int: ...

    def read(self, place: int, most: int) -> Iterator[Record]: ...


class KinesisShard:
    """A shard of a data stream; a place is one less than a sequence number (moto counts them from 1)."""

    def __init__(self, stream_arn: str, shard: Any) -> None:
        self.id: str = shard.shard_id
        self._arn = stream_arn
        self._shard = shard

    def start(self, position: str, timestamp: float) -> int:
        """Return the place where reading begins."""
        records = list(self._shard.records.values())
        if position == "LATEST":
            return len(records)
        if position == "AT_TIMESTAMP":
            return sum(record.created_at < timestamp for record in records)
        return 0

    def read(self, place: int, most: int) -> Iterator[Record]:
        """Yield the records from a place on."""
        while most and (record := self._shard.records.get(place + 1)) is not None:
            yield self._record(record)
            place, most = place + 1, most - 1

    def _record(self, record: Any) -> Record:
        sequence = str(record.sequence_number)
        data = record.data if isinstance(record.data, str) else record.data.decode()
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": round(record.created_at, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.id}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": _ROLE,
            "awsRegion": self._arn.split(":")[3],
            "eventSourceARN": self._arn,
        }
        return Record(sequence, record.created_at, record.partition_key, event)


class TableShard:
    """The one shard that a table's stream has in moto; a place is an index into it."""

    def __init__(self, stream_arn: str, shard: Any) -> None:
        self.id: str = shard.id
        self._arn = stream_arn
        self._shard = shard

    def start(self, position: str, timestamp: float) -> int:
        """Return the place where reading begins."""
        return len(self._shard.items) if position == "LATEST" else 0

    def read(self, place: int, most: int) -> Iterator[Record]:
        """Yield the records from a place on."""
        for item in self._shard.items[place : place + most]:
            yield self._record(item.to_json())

    def _record(self, shown: dict[str, Any]) -> Record:
        change: dict[str, Any] = dict(shown["dynamodb"])
        created = change["ApproximateCreationDateTime"]
        # moto's clock has no zone and shows UTC
        arrived = (
            created.replace(tzinfo=created.tzinfo or UTC).timestamp() if isinstance(created, datetime) else created
        )
        change["ApproximateCreationDateTime"] = int(arrived)
        change = json.loads(dynamo_json_dump(change))  # moto's own types of values
        event = {**shown, "eventVersion": "1.1", "awsRegion": self._arn.split(":")[3], "dynamodb": change}
        event["eventSourceARN"] = self._arn
        return Record(change["SequenceNumber"], arrived, json.dumps(change["Keys"], sort_keys=True), event)


def shards(stream_arn: str) -> list[Shard]:
    """Return the shards of a stream; none when there is no such stream any more."""
    _, _, service, region, _, name = stream_arn.split(":", 5)
    if service == "kinesis":
        stream = kinesis_backends[ACCOUNT][region].streams.get(name.partition("/")[2])
        return [KinesisShard(stream_arn, shard) for shard in list(stream.shards.values())] if stream else []
    table_name, _, label = name.removeprefix("table/").partition("/stream/")
    table = dynamodb_backends[ACCOUNT][region].tables.get(table_name)
    is_there = table is not None and table.stream_shard is not None and table.latest_stream_label == label
    return [TableShard(stream_arn, table.stream_shard)] if is_there else []

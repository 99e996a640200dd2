"""Kinesis: records of a data stream are predicted in batches, shard by shard in order; each answer goes to a queue or a bucket.

A record's data is the request: JSON, or with a `preprocess` any bytes. Records that the Kinesis Producer Library has put together
into one are not taken apart: they fail, and say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy_runtime import answers, streams
from slsdeploy_runtime.destinations import ARN
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option, sample_number, variable
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.names import Created, check_names, taken_twice
from slsdeploy_runtime.resources import allow, kept

if TYPE_CHECKING:
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.request import Request

STREAM_ARN = "STREAM_ARN"
# https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
AGGREGATED = b"\xf3\x89\x9a\xc2"
# To poll a stream: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
# (SubscribeToShard is for consumers of their own, ListStreams for the console).
_POLLS = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords"]
_POLLS += ["kinesis:GetShardIterator", "kinesis:ListShards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(streams.StreamOptions):
    """A data stream, of the stack's own or one that exists, and where answers go.

    Raises ValueError for what Kinesis or Lambda refuse.
    """

    type: Literal["kinesis"] = "kinesis"
    stream: str | None = option(
        None, "the name of the stream to create (default: CloudFormation finds one), or the ARN of one that exists"
    )
    shard_count: int | None = option(None, "how many shards it gets; default: as many as it needs (on demand)")
    retention_period_hours: int = option(24, "how long it keeps records, 24 to 8760")
    starting_position_timestamp: int | None = option(
        None, 'with starting_position = "AT_TIMESTAMP": when reading begins, in seconds since 1970'
    )

    def __post_init__(self) -> None:
        streams.check(self)
        check_names(self)
        within("retention_period_hours", self.retention_period_hours, 24, 8760)
        if self.shard_count is not None:
            within("shard_count", self.shard_count, 1, 10_000)
        if (self.starting_position == "AT_TIMESTAMP") != (self.starting_position_timestamp is not None):
            raise ValueError(
                'starting_position_timestamp: expected with starting_position = "AT_TIMESTAMP", and only then'
            )
        self._check_stream()

    def _check_stream(self) -> None:
        found = ARN.fullmatch(self.stream or "")
        if found and not re.fullmatch(r"stream/[A-Za-z0-9_.-]{1,128}", found["name"]):
            raise ValueError(f'stream: found "{self.stream}", expected the ARN of a data stream (not of a consumer)')
        if found and (self.shard_count is not None or self.retention_period_hours != 24):
            raise ValueError(
                "stream: an existing one has its own shards and retention; leave out shard_count and retention_period_hours"
            )
        if self.stream is not None and not found and not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", self.stream):
            raise ValueError(
                f'stream: found "{self.stream}", expected 1 to 128 letters, digits, hyphens, underscores and dots'
            )

    @property
    def is_existing(self) -> bool:
        """Say whether the stream is named by its ARN: nothing is created then."""
        return ARN.fullmatch(self.stream or "") is not None

    def creates(self) -> Sequence[Created]:
        """Return the stream and the place of answers that have a name."""
        own = [] if self.stream is None or self.is_existing else [Created("stream", self.stream, "stream")]
        return [*own, *answers.created(self)]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the stream and the answers' place; let Lambda poll the one and the function write to the other."""
    name = f"{site.trigger}Stream"
    arn: Any = trigger.stream if trigger.is_existing else {"Fn::GetAtt": [name, "Arn"]}
    poll = streams.poll(trigger, arn, trigger.filters)
    if trigger.starting_position_timestamp is not None:
        poll["StartingPositionTimestamp"] = trigger.starting_position_timestamp
    failures = streams.wire_failures(trigger.on_failure, site, poll)
    own = Wiring(
        events={site.trigger: {"Type": "Kinesis", "Properties": poll}},
        resources={} if trigger.is_existing else _stream(name, trigger),
        statements=[allow(f"{site.trigger}Polls", _POLLS, arn)],
        environment={variable(site.trigger, STREAM_ARN): arn},
        outputs={"StreamArn": arn, **({} if trigger.is_existing else {"StreamName": {"Ref": name}})},
    )
    return streams.together(own, failures, answers.wire(trigger, site))


def _stream(logical_id: str, trigger: Trigger) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "RetentionPeriodHours": trigger.retention_period_hours,
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    }
    if trigger.stream is not None:
        properties["Name"] = trigger.stream
    if trigger.shard_count is None:
        properties["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
    else:
        properties |= {"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": trigger.shard_count}
    return {logical_id: kept("AWS::Kinesis::Stream", properties)}


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    import_module("slsdeploy_runtime.batch")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are records of this trigger's stream."""
    try:
        record = event["Records"][0]
        return record["eventSource"] == "aws:kinesis" and source.setting(STREAM_ARN) in ("", record["eventSourceARN"])
    except (TypeError, KeyError, IndexError):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the batch; return the first record of the shard that failed, which Lambda tries again with those behind it."""
    from slsdeploy_runtime.batch import read_all

    items = read_all(event["Records"], lambda record: _read(record, service))
    return streams.answer(items, service, answers.outlet(service, source), source.options)


def _read(record: Mapping[str, Any], service: Any) -> Item:
    from slsdeploy_runtime.batch import Item, attempt, text

    shard, _, _ = record["eventID"].partition(":")
    data = record["kinesis"]
    about = {
        "sequence_number": text(data["sequenceNumber"]),
        "shard_id": text(shard),
        "partition_key": data.get("partitionKey", ""),
    }
    record_id = f"{shard}/{about['sequence_number']}"
    keys = [f"kinesis {record.get('eventSourceARN', '')} {record_id}"]
    return Item(record_id, shard, attempt(lambda: _request(record, data, about, service)), about, keys)


def _request(record: Mapping[str, Any], data: Mapping[str, Any], about: Mapping[str, Any], service: Any) -> Request:
    from slsdeploy_runtime.batch import base64_decoded, decoded
    from slsdeploy_runtime.request import BadInput

    body = base64_decoded(data.get("data"), "data")
    if body.startswith(AGGREGATED):
        raise BadInput(
            "data: an aggregated record of the Kinesis Producer Library, which is not taken apart; turn AggregationEnabled off"
        )
    arrived = data.get("approximateArrivalTimestamp")
    meta = {**about, "stream": record.get("eventSourceARN", ""), "approximate_arrival_timestamp": arrived}
    return decoded(body, "kinesis", meta, service)


def sample(body: Any, placed: Placed) -> Any:
    """Return a batch of one record."""
    from base64 import b64encode

    sequence = f"4959033827149025660855969253836157109{sample_number()}"
    data = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "sample",
        "sequenceNumber": sequence,
        "data": b64encode(json.dumps(body).encode()).decode(),
        "approximateArrivalTimestamp": 0.0,
    }
    record = {
        "kinesis": data,
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "awsRegion": placed.region,
        "eventSourceARN": placed.outputs.get("StreamArn", ""),
    }
    return {"Records": [record]}

"""DynamoDB: items that are written to a table are predicted in the order of its stream; each answer goes to a queue or a bucket.

The new item, as plain JSON, is the request. Items that are removed have none, and are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy_runtime import answers, streams
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option, sample_number, variable
from slsdeploy_runtime.names import Created, check_names, taken_twice
from slsdeploy_runtime.resources import allow, kept

if TYPE_CHECKING:
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.request import Request

STREAM_ARN = "STREAM_ARN"
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
CHANGES = ("INSERT", "MODIFY", "REMOVE")
_STREAM = r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}/stream/[0-9T:.-]+"
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.Tutorial.html
_POLLS = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(streams.StreamOptions):
    """A table's stream: of a table of the stack's own, or one that exists; and where answers go.

    Raises ValueError for what DynamoDB or Lambda refuse.
    """

    type: Literal["dynamodb"] = "dynamodb"
    table: str | None = option(
        None,
        "the name of the table to create (default: CloudFormation finds one), or the ARN of a stream that exists, "
        "which shows new images",
    )
    partition_key: str = option("id", "the text attribute by which the created table finds its items")
    events: tuple[Literal["INSERT", "MODIFY"], ...] = option(
        ("INSERT", "MODIFY"), "which changes are predicted: of items that are new, that are written again"
    )

    def __post_init__(self) -> None:
        streams.check(self)
        check_names(self)
        if self.starting_position == "AT_TIMESTAMP":
            raise ValueError('starting_position: found "AT_TIMESTAMP", which is not for tables')
        if not self.events:
            raise ValueError("events: found none, expected INSERT, MODIFY or both")
        if not re.fullmatch(r"\S{1,255}", self.partition_key):
            raise ValueError(f'partition_key: found "{self.partition_key}", expected the name of an attribute')
        if (self.table or "").startswith("arn:") and not self.is_existing:
            raise ValueError(
                f'table: found "{self.table}", expected the ARN of its stream (LatestStreamArn), not of the table'
            )
        if self.table is not None and not self.is_existing and not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", self.table):
            raise ValueError(
                f'table: found "{self.table}", expected 3 to 255 letters, digits, hyphens, underscores and dots'
            )

    @property
    def is_existing(self) -> bool:
        """Say whether the table's stream is named by its ARN: nothing is created then."""
        return re.fullmatch(_STREAM, self.table or "") is not None

    def creates(self) -> Sequence[Created]:
        """Return the table and the place of answers that have a name."""
        own = [] if self.table is None or self.is_existing else [Created("table", self.table, "table")]
        return [*own, *answers.created(self)]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the table and the answers' place; let Lambda poll the table's stream and the function write the answers."""
    name = f"{site.trigger}Table"
    arn: Any = trigger.table if trigger.is_existing else {"Fn::GetAtt": [name, "StreamArn"]}
    poll = streams.poll(trigger, arn, _patterns(trigger))
    failures = streams.wire_failures(trigger.on_failure, site, poll)
    own = Wiring(
        events={site.trigger: {"Type": "DynamoDB", "Properties": poll}},
        resources={} if trigger.is_existing else _table(name, trigger),
        statements=[allow(f"{site.trigger}Polls", _POLLS, arn)],
        environment={variable(site.trigger, STREAM_ARN): arn},
        outputs={"TableStreamArn": arn, **({} if trigger.is_existing else {"TableName": {"Ref": name}})},
    )
    return streams.together(own, failures, answers.wire(trigger, site))


def _patterns(trigger: Trigger) -> list[str]:
    """Return the user's filters, each of which lets only the wanted kinds of change through: others cost no invocation."""
    kinds = {"eventName": list(trigger.events)}
    return [json.dumps({**kinds, **json.loads(each)}) for each in trigger.filters] or [json.dumps(kinds)]


def _table(logical_id: str, trigger: Trigger) -> dict[str, Any]:
    key = trigger.partition_key
    properties = {
        **({"TableName": trigger.table} if trigger.table is not None else {}),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    }
    return {logical_id: kept("AWS::DynamoDB::Table", properties)}


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    import_module("slsdeploy_runtime.batch")
    import_module("slsdeploy_runtime.dynamodb_item")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are changes of this trigger's table."""
    try:
        record = event["Records"][0]
        return record["eventSource"] == "aws:dynamodb" and source.setting(STREAM_ARN) in ("", record["eventSourceARN"])
    except (TypeError, KeyError, IndexError):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the items that were written; return the first that failed, which Lambda tries again with those behind it."""
    from slsdeploy_runtime.batch import read_all
    from slsdeploy_runtime.request import read_event

    wanted = read_event("DynamoDB", _wanted, event, source.options)
    items = read_all(wanted, lambda record: _read(record, service))
    return streams.answer(items, service, answers.outlet(service, source), source.options)


def _wanted(event: Any, options: Trigger) -> list[Any]:
    """Leave out the changes that the trigger does not ask for; one without a name that is known is for `_read` to refuse."""
    left_out = set(CHANGES) - set(options.events)
    return [record for record in event["Records"] if record.get("eventName") not in left_out]


def _read(record: Mapping[str, Any], service: Any) -> Item:
    from slsdeploy_runtime.batch import Item, attempt, text
    from slsdeploy_runtime.dynamodb_item import plain

    change = record["dynamodb"]
    if record["eventName"] not in CHANGES:
        raise ValueError(f"found the eventName {record['eventName']!r}")
    sequence = text(change["SequenceNumber"])
    about = {"sequence_number": sequence, "event_name": record["eventName"]}

    def request() -> Request:
        about["keys"] = plain(change.get("Keys", {}), "Keys")
        return _request(record, change, about)

    # a batch is of one shard, which its records do not name
    keys = [f"dynamodb {record.get('eventSourceARN', '')} {sequence}"]
    return Item(sequence, "the shard", attempt(request), about, keys)


def _request(record: Mapping[str, Any], change: Mapping[str, Any], about: Mapping[str, Any]) -> Request:
    from slsdeploy_runtime.dynamodb_item import plain
    from slsdeploy_runtime.request import BadInput, Request

    if "NewImage" not in change:
        view = change.get("StreamViewType", "another view")
        raise BadInput(
            f"NewImage: found none; the table's stream must show NEW_IMAGE or NEW_AND_OLD_IMAGES, it shows {view}"
        )
    meta = {
        **about,
        "stream": record.get("eventSourceARN", ""),
        "approximate_creation_date_time": change.get("ApproximateCreationDateTime"),
    }
    return Request(plain(change["NewImage"], "NewImage"), source="dynamodb", meta=meta)


def sample(body: Any, placed: Placed) -> Any:
    """Return a batch of one item that was written, with the request as its attributes."""
    from slsdeploy_runtime.dynamodb_item import typed

    key = {placed.options.partition_key: {"S": "sample"}}
    change = {
        "ApproximateCreationDateTime": 0,
        "Keys": key,
        "NewImage": {**key, **typed(body)},
        "SequenceNumber": f"1302160{sample_number()}",
        "SizeBytes": 1,
        "StreamViewType": "NEW_IMAGE",
    }
    record = {
        "eventID": "sample",
        "eventName": placed.options.events[0],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": placed.region,
        "dynamodb": change,
        "eventSourceARN": placed.outputs.get("TableStreamArn", ""),
    }
    return {"Records": [record]}

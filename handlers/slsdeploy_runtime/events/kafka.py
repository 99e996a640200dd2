"""Kafka: records of a topic, of Amazon MSK or of a cluster of one's own, are predicted in batches; answers go to a queue or a bucket.

A record's value is the request: JSON, or with a `preprocess` any bytes. With provisioned pollers (`minimum_pollers`) a poison record is
given back alone; without them AWS knows no partial failures of Kafka: the batch fails, and is tried again as a whole.
https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy_runtime import answers, filters, kafka_access, streams
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, model_option, option, sample_number
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.names import Created, check_names, taken_twice

if TYPE_CHECKING:
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.request import Request

MSK, OWN = "aws:kafka", "SelfManagedKafka"
_BROKER = r"[A-Za-z0-9.-]{1,250}:\d{1,5}"


class BatchFailed(Exception):
    """A record failed, and AWS is to try the batch again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A topic of an MSK cluster (`cluster`), or of a cluster of one's own (`bootstrap_servers`); both exist already.

    Raises ValueError for what Lambda refuses.
    """

    type: Literal["kafka"] = "kafka"
    cluster: str | None = option(None, "the ARN of an MSK cluster")
    bootstrap_servers: tuple[str, ...] = option(
        (), 'the brokers of a cluster of your own, as in "broker.example.com:9092"'
    )
    topics: tuple[str, ...] = option((), "the topic, one name (AWS takes a list of one)")
    authentication: (
        Literal[
            "IAM_AUTH",
            "BASIC_AUTH",
            "SASL_SCRAM_256_AUTH",
            "SASL_SCRAM_512_AUTH",
            "CLIENT_CERTIFICATE_TLS_AUTH",
        ]
        | None
    ) = option(None, "how Lambda signs in; IAM_AUTH is for MSK and needs no secret; default: it does not")
    secret: str | None = option(None, "the ARN of the Secrets Manager secret with what it signs in with")
    server_root_ca_certificate: str | None = option(
        None, "the ARN of the secret with the certificate that the brokers' ones are signed with"
    )
    consumer_group_id: str | None = option(None, "the consumer group; default: Lambda makes one")
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = option(
        "TRIM_HORIZON", "where reading begins: at the oldest record, or the newest"
    )
    starting_position_timestamp: int | None = option(
        None, 'with starting_position = "AT_TIMESTAMP": when reading begins, in seconds since 1970'
    )
    batch_size: int = option(100, "how many records an invocation gets at most")
    maximum_batching_window_in_seconds: int | None = option(
        None, "how long Lambda gathers records for a batch; default: half a second"
    )
    minimum_pollers: int | None = option(None, "pollers that are always there (provisioned mode, which costs)")
    maximum_pollers: int | None = option(None, "how many there may be")
    bisect_batch_on_function_error: bool | None = option(
        None, "split a batch that failed; default: with provisioned pollers, which it needs"
    )
    maximum_retry_attempts: int | None = option(
        None,
        "how often a batch is tried again, -1: until its records expire; default: 10 with provisioned pollers, which it needs",
    )
    maximum_record_age_in_seconds: int | None = option(
        None, "records older than this are given up; needs provisioned pollers; default: when they expire"
    )
    on_failure: str = option(
        "none",
        'where Lambda tells of records that it gave up: "queue" (one of the stack\'s own), "none", '
        "or the ARN of a queue, topic or bucket (a bucket gets the records too)",
    )
    filters: tuple[str, ...] = option((), filters.WORDS)
    output: Literal["queue", "bucket", "none"] | None = answers.output()
    output_name: str | None = answers.output_name()
    model: str | None = model_option("record")

    def __post_init__(self) -> None:
        check_names(self)
        kafka_access.check(self)
        self._check_source()
        self._check_polling()
        answers.check_unordered(self)
        filters.check(self.filters)
        streams.check_on_failure(self.on_failure)

    def _check_source(self) -> None:
        if len(self.topics) != 1:
            raise ValueError(f"topics: found {len(self.topics)}, expected one; make another trigger for another topic")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", self.topics[0]):
            raise ValueError(
                f'topics: found "{self.topics[0]}", expected letters, digits, dots, hyphens and underscores'
            )
        for broker in self.bootstrap_servers:
            if not re.fullmatch(_BROKER, broker):
                raise ValueError(
                    f'bootstrap_servers: found "{broker}", expected a host and a port, as in "broker.example.com:9092"'
                )
        if not re.fullmatch(r"[ a-zA-Z0-9\-/*:_+=.@]{1,200}", self.consumer_group_id or "default"):
            raise ValueError(f'consumer_group_id: found "{self.consumer_group_id}", which Lambda does not take')
        if (self.starting_position == "AT_TIMESTAMP") != (self.starting_position_timestamp is not None):
            raise ValueError(
                'starting_position_timestamp: expected with starting_position = "AT_TIMESTAMP", and only then'
            )

    def _check_polling(self) -> None:
        within("batch_size", self.batch_size, 1, 10_000)
        if self.maximum_batching_window_in_seconds is not None:
            within("maximum_batching_window_in_seconds", self.maximum_batching_window_in_seconds, 0, 300)
        if self.minimum_pollers is not None:
            within("minimum_pollers", self.minimum_pollers, 1, 200)
        if self.maximum_pollers is not None:
            within("maximum_pollers", self.maximum_pollers, self.minimum_pollers or 1, 2000)
        needing = ("bisect_batch_on_function_error", "maximum_retry_attempts", "maximum_record_age_in_seconds")
        for name in needing if not self.is_provisioned else ():
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name}: AWS has it for provisioned pollers only; set minimum_pollers, at least 1, too"
                )
        attempts, age = self.maximum_retry_attempts, self.maximum_record_age_in_seconds
        streams.check_retries(10 if attempts is None else attempts, -1 if age is None else age)

    @property
    def is_provisioned(self) -> bool:
        """Say whether pollers are provisioned: only then AWS takes partial failures and the options about retries."""
        return self.minimum_pollers is not None or self.maximum_pollers is not None

    @property
    def bisects(self) -> bool:
        """Say whether a batch that failed is split."""
        return self.is_provisioned and self.bisect_batch_on_function_error is not False

    def creates(self) -> Sequence[Created]:
        """Return the place of answers when it has a name."""
        return answers.created(self)


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Let Lambda poll the topic, and the function write its answers. Raises ValueError for a cluster that cannot be reached.

    The mapping is CloudFormation's own: SAM's schema for clusters of one's own lacks the batching window and the destination.
    """
    mapping: dict[str, Any] = {
        "FunctionName": {"Ref": f"{site.function}.Alias"},
        **kafka_access.source(trigger, site),
        "Topics": list(trigger.topics),
        "StartingPosition": trigger.starting_position,
        "BatchSize": trigger.batch_size,
        **filters.criteria(trigger.filters),
    }
    optional = {
        "StartingPositionTimestamp": trigger.starting_position_timestamp,
        "MaximumBatchingWindowInSeconds": trigger.maximum_batching_window_in_seconds,
        "MaximumRecordAgeInSeconds": trigger.maximum_record_age_in_seconds,
    }
    mapping |= {name: value for name, value in optional.items() if value is not None}
    if trigger.is_provisioned:
        mapping |= _provisioned(trigger)
    failures = streams.wire_failures(trigger.on_failure, site, mapping)
    own = Wiring(
        resources={f"{site.trigger}Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}},
        statements=kafka_access.statements(trigger, site),
    )
    return streams.together(own, failures, answers.wire(trigger, site))


def _provisioned(trigger: Trigger) -> dict[str, Any]:
    pollers = {"MinimumPollers": trigger.minimum_pollers, "MaximumPollers": trigger.maximum_pollers}
    attempts = trigger.maximum_retry_attempts
    return {
        "ProvisionedPollerConfig": {name: count for name, count in pollers.items() if count is not None},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": trigger.bisects,
        "MaximumRetryAttempts": 10 if attempts is None else attempts,
    }


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    import_module("slsdeploy_runtime.batch")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are records of this trigger's topic, of its kind of cluster."""
    options: Trigger = source.options
    try:
        if event["eventSource"] != (MSK if options.cluster else OWN):
            return False
        if options.cluster is not None and event["eventSourceArn"] != options.cluster:
            return False
        record = next(iter(event["records"].values()))[0]
        return bool(record["topic"] == options.topics[0])
    except (TypeError, KeyError, IndexError, AttributeError, StopIteration):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the batch; return the first record that failed of each partition. Raises what makes AWS try the batch again."""
    from slsdeploy_runtime.batch import answer_items, first_of_each_group, read_all
    from slsdeploy_runtime.request import read_event

    options: Trigger = source.options
    records = read_event("Kafka", _records, event)
    cluster = event.get("eventSourceArn") or event.get("bootstrapServers", "")
    items = read_all(records, lambda record: _read(record, service, cluster))
    failures = answer_items(items, service, answers.outlet(service, source), "record {}", options.model).failures
    first = first_of_each_group(items, failures)
    heads = {item.group: item for item in reversed(items)}
    is_stuck = options.bisects and len(items) > 1 and all(heads[group] in first for group in heads)
    if first and (is_stuck or not options.is_provisioned):
        error = failures[first[0].id]
        raise BatchFailed(f"{len(first)} of {len(heads)} partitions stopped; {first[0].id}: {error}") from error
    return {"batchItemFailures": [{"itemIdentifier": _identifier(item)} for item in first]}


def _records(event: Any) -> list[Any]:
    return [record for partition in event["records"].values() for record in partition]


def _identifier(item: Item) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html."""
    return {"partition": item.group, "offset": item.about["offset"]}


def _read(record: Mapping[str, Any], service: Any, cluster: str) -> Item:
    from slsdeploy_runtime.batch import Item, attempt, text

    about = {"topic": text(record["topic"]), "partition": record["partition"], "offset": record["offset"]}
    group = f"{about['topic']}-{int(about['partition'])}"
    record_id = f"{group}/{int(about['offset'])}"
    # the time too: a topic that is made anew counts from 0 again
    keys = [f"kafka {cluster} {record_id} {record.get('timestamp', '')}"]
    return Item(record_id, group, attempt(lambda: _request(record, about, service)), about, keys)


def _request(record: Mapping[str, Any], about: Mapping[str, Any], service: Any) -> Request:
    from slsdeploy_runtime.batch import base64_decoded, decoded

    key = record.get("key")
    meta = {
        **about,
        "key": None if key is None else base64_decoded(key, "key"),
        "headers": _headers(record.get("headers", [])),
        "timestamp": record.get("timestamp"),
    }
    return decoded(base64_decoded(record.get("value"), "value"), "kafka", meta, service)


def _headers(headers: Sequence[Mapping[str, Sequence[int]]]) -> list[tuple[str, bytes]]:
    """Return headers by name, which may come more than once; AWS writes their bytes as signed numbers."""
    return [(name, bytes(each % 256 for each in value)) for header in headers for name, value in header.items()]


def sample(body: Any, placed: Placed) -> Any:
    """Return a batch of one record."""
    from base64 import b64encode

    options: Trigger = placed.options
    record = {
        "topic": options.topics[0],
        "partition": 0,
        "offset": 0,
        "timestamp": sample_number() // 1_000_000,
        "timestampType": "CREATE_TIME",
        "key": None,
        "value": b64encode(json.dumps(body).encode()).decode(),
        "headers": [],
    }
    where = {"eventSource": MSK, "eventSourceArn": options.cluster} if options.cluster else {"eventSource": OWN}
    return {**where, "bootstrapServers": "", "records": {f"{options.topics[0]}-0": [record]}}

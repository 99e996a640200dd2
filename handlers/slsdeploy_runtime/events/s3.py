"""S3: an object arrives under the input prefix, its prediction is written as `<output_prefix><key>.json`.

The bucket calls the function itself, or by way of a queue, a topic or EventBridge (`via`; `s3_ways.py` wires them); it reads all of them.

`preprocess` gets decoded JSON (`application/json`, or a key that ends in `.json`) or the object's bytes.
With several models, those under `<prefix><name>/` are for the model of that name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal
from urllib.parse import quote_plus

from slsdeploy_runtime import answers, asynchronous, s3_event, s3_ways
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option, variable
from slsdeploy_runtime.names import Created, check_names, taken_twice
from slsdeploy_runtime.resources import allow, bucket

OUTPUT_BUCKET = "OUTPUT_BUCKET"
ERRORS = ".errors.jsonl"
RESULTS = (".json", ".jsonl", ERRORS)  # how they end: of whole objects, of the rows of tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A bucket of the stack's own, and which of its objects are predicted.

    Raises ValueError when a result would trigger the function again, or an object would be taken for a result.
    """

    type: Literal["s3"] = "s3"
    bucket: str | None = option(None, "the name of the bucket to create; default: CloudFormation finds one")
    prefix: str = option("input/", "how the keys of the objects to predict begin")
    suffix: str = option("", "how they end")
    events: tuple[str, ...] = option(("s3:ObjectCreated:*",), "which events of S3 count as an object's arrival")
    output_prefix: str = option("output/", "what stands before an object's key in that of its result, .json behind it")
    output_bucket: str | None = option(None, "the name of a bucket to create for results; default: the same bucket")
    output: Literal["bucket"] | None = option(
        None, 'where results go; default: where `[output]` says, without one (and with an output_bucket) "bucket"'
    )
    via: Literal["direct", "sqs", "sns", "eventbridge"] = option(
        "direct", "how the bucket calls the function: itself, or by way of a queue, a topic or the default event bus"
    )
    split: Literal["auto", "rows", "none"] = option(
        "auto",
        "whether each row of a table (CSV, JSON Lines, NumPy, Parquet) is a request, or a whole object is; "
        "auto: rows, but whole objects for a preprocess",
    )
    model: str | None = option(
        None,
        "the model that predicts its objects; default: of several, the one that a folder under `prefix` is named after",
    )

    maximum_retry_attempts: int | None = asynchronous.maximum_retry_attempts()
    maximum_event_age_in_seconds: int | None = asynchronous.maximum_event_age_in_seconds()
    on_failure: str | None = asynchronous.on_failure()
    on_success: str | None = asynchronous.on_success()

    def __post_init__(self) -> None:
        for name, arn in (("bucket", self.bucket), ("output_bucket", self.output_bucket)):
            if arn is not None and arn.startswith("arn:"):
                raise ValueError(
                    f'{name}: found "{arn}": a bucket that exists cannot be given a notification by another stack; name a bucket '
                    "to create, or let that bucket notify a queue, and use a trigger of type sqs with the queue's ARN"
                )
        check_names(self)
        asynchronous.check(self)
        said = next(
            (name for name in asynchronous.OPTIONS if self.via == "sqs" and getattr(self, name) is not None), ""
        )
        if said:
            raise ValueError(
                f'{said}: found one with via = "sqs": a message that fails comes again, and ends in the dead-letter queue'
            )
        if not self.events or not all(event.startswith("s3:ObjectCreated:") for event in self.events):
            raise ValueError(
                f"events: found {list(self.events)}, expected some of s3:ObjectCreated:* (there is no object to read in others)"
            )
        # A result's key is output_prefix + key + one of RESULTS, and key begins with prefix and ends with suffix.
        begins = (self.output_prefix + self.prefix).startswith(self.prefix)
        ends = any(
            (self.suffix + each).endswith(self.suffix) for each in RESULTS[: 1 if self.split == "none" else None]
        )
        if self.is_one_bucket and begins and ends:
            raise ValueError(
                f"output_prefix: results under {self.output_prefix!r} would trigger the function again: "
                f"choose one outside of prefix {self.prefix!r}, a suffix that results do not have, or an output_bucket"
            )
        if self.is_one_bucket and self.output_prefix and self.prefix.startswith(self.output_prefix):
            raise ValueError(
                f"prefix: {self.prefix!r} is inside of output_prefix {self.output_prefix!r}, "
                "where objects are taken for results and skipped"
            )

    @property
    def is_one_bucket(self) -> bool:
        """Say whether results go into the bucket that the objects come from."""
        return self.output_bucket in (None, self.bucket)

    def has(self, place: tuple[str, str]) -> bool:
        """Say whether an object, by its bucket and key, is one to predict."""
        bucket, key = place
        return self.bucket in (None, bucket) and key.startswith(self.prefix) and key.endswith(self.suffix)

    def creates(self) -> Sequence[Created]:
        """Return the buckets that have a name."""
        names = {"bucket": self.bucket, "output_bucket": None if self.is_one_bucket else self.output_bucket}
        return [Created("bucket", name, option) for option, name in names.items() if name is not None]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken, and objects that two triggers would claim.

    An event names its bucket, but the function cannot know the name that CloudFormation found: its environment would
    need the bucket, whose notification needs the function.
    """
    yield from taken_twice(triggers, Trigger)
    yield from asynchronous.disagreements(triggers, Trigger)
    mine = [(index, each) for index, each in enumerate(triggers) if isinstance(each, Trigger)]
    for place, (index, later) in enumerate(mine):
        for first, earlier in mine[:place]:
            if earlier.bucket is None and _overlap(earlier, later):
                message = f"its objects cannot be told from those of trigger[{first}], whose bucket has no name"
                hint = "give both a bucket = NAME, or prefixes (or suffixes) of which neither contains the other"
                yield Problem(index, "prefix", message, hint)
                break


def _overlap(one: Trigger, other: Trigger) -> bool:
    """Say whether a key may fit both."""
    begins = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    return begins and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix))


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the bucket (and the results' own), and the way on which it calls the function."""
    name = f"{site.trigger}Bucket"
    output = name if trigger.is_one_bucket else f"{site.trigger}OutputBucket"
    way = s3_ways.wire(trigger, site, name)
    resources = bucket(name, trigger.bucket)
    resources[name] = {**resources[name], **way.needs}
    resources[name]["Properties"] |= way.bucket
    if output != name:
        resources |= bucket(output, trigger.output_bucket)
    results = {"Fn::Sub": f"${{{output}.Arn}}/{trigger.output_prefix}*"}
    statements = [
        allow(f"{site.trigger}Reads", ["s3:GetObject"], {"Fn::Sub": f"${{{name}.Arn}}/{trigger.prefix}*"}),
        allow(f"{site.trigger}Writes", ["s3:PutObject"], results),
    ]
    if _splits(trigger, site):
        resources[output]["Properties"] |= _ABANDONED
        statements[1] = allow(f"{site.trigger}Writes", ["s3:PutObject", "s3:AbortMultipartUpload"], results)
        errors = {"Fn::Sub": f"{results['Fn::Sub']}{ERRORS}"}
        statements.append(allow(f"{site.trigger}Clears", ["s3:DeleteObject"], errors))
    return Wiring(
        resources=resources,
        late_statements=statements,
        environment={} if output == name else {variable(site.trigger, OUTPUT_BUCKET): {"Ref": output}},
        outputs={"Bucket": {"Ref": name}, "OutputBucket": {"Ref": output}, "OutputPrefix": trigger.output_prefix},
    ).beside(way.wiring)


def _splits(trigger: Trigger, site: Site) -> bool:
    """Say whether tables are predicted row by row."""
    return trigger.split == "rows" or (trigger.split == "auto" and "preprocess" not in site.functions)


# Results of tables are uploaded in parts; those of a function that was killed meanwhile would stay, unseen and paid for.
_ABANDONED = {
    "LifecycleConfiguration": {
        "Rules": [
            {
                "Id": "AbandonedUploads",
                "Status": "Enabled",
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
        ]
    }
}


def start(service: Any, source: Source) -> None:
    """Make the S3 client while the environment initialises."""
    import_module("slsdeploy_runtime.s3_objects")
    service.client("s3")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are objects of this trigger, on whichever way they came."""
    if s3_event.is_queue(event) and source.setting(s3_ways.QUEUE_ARN):
        return bool(event["Records"][0].get("eventSourceARN") == source.setting(s3_ways.QUEUE_ARN))
    if not s3_event.is_s3(event):
        return False
    options: Trigger = source.options
    first = s3_event.first_place(event)
    return first is None or options.has(first)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Predict every object of the event and write the results; return where they are.

    An object that fails, the caller's mistake included, writes nothing and raises when the others are done: on AWS that is
    how an asynchronous event is tried again and then kept (in the stack's queue of failed events) for somebody to look at.
    A result of its own for a failure would be taken for a prediction by whoever reads the output prefix.
    A queue is told which of its messages failed.
    """
    from slsdeploy_runtime import s3_objects
    from slsdeploy_runtime.request import read_event

    outlet = answers.outlet(service, source)
    work = s3_objects.work(service, source.options, source.setting(OUTPUT_BUCKET), outlet, context)
    if s3_event.is_queue(event):
        return s3_objects.predict_messages(read_event("SQS", s3_event.messages, event), service, work)
    return s3_objects.predict_objects(s3_event.arrivals(event), service, work)


def sample_object(body: Any, placed: Placed) -> tuple[str, str, bytes]:
    """Return the object that the sample speaks of: its bucket, its key, what is in it."""
    trigger: Trigger = placed.options
    return placed.outputs["Bucket"], f"{trigger.prefix}sample{trigger.suffix or '.json'}", json.dumps(body).encode()


def sample(body: Any, placed: Placed) -> Any:
    """Return a notification of that object."""
    name, key, content = sample_object(body, placed)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": placed.region,
        "eventTime": "1970-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": name, "arn": f"arn:aws:s3:::{name}"},
            "object": {"key": quote_plus(key, safe="/"), "size": len(content)},
        },
    }
    return {"Records": [record]}

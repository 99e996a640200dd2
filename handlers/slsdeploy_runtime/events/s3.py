"""S3: an object arrives under the input prefix, its prediction is written as `<output_prefix><key>.json`.

`preprocess` gets decoded JSON (`application/json`, or a key that ends in `.json`) or the object's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal
from urllib.parse import unquote_plus

from slsdeploy_runtime.events import Site, Source, Wiring, variable
from slsdeploy_runtime.resources import allow, bucket, queue

OUTPUT_BUCKET = "OUTPUT_BUCKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A bucket of the stack's own, and which of its objects are predicted.

    `bucket` and `output_bucket` name the buckets to create (None: CloudFormation names it; None: the same bucket).
    Raises ValueError when a result would trigger the function again, or an object would be taken for a result.
    """

    type: Literal["s3"] = "s3"
    bucket: str | None = None
    prefix: str = "input/"
    suffix: str = ""
    events: tuple[str, ...] = ("s3:ObjectCreated:*",)
    output_prefix: str = "output/"
    output_bucket: str | None = None

    def __post_init__(self) -> None:
        if not self.events or not all(event.startswith("s3:ObjectCreated:") for event in self.events):
            raise ValueError(
                f"events: found {list(self.events)}, expected some of s3:ObjectCreated:* (there is no object to read in others)"
            )
        # A result's key is output_prefix + key + ".json", and key begins with prefix and ends with suffix.
        begins = (self.output_prefix + self.prefix).startswith(self.prefix)
        ends = (self.suffix + ".json").endswith(self.suffix)
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


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the bucket (and the results' own), the notification, and a queue for events that failed three times."""
    name = f"{site.trigger}Bucket"
    output = name if trigger.is_one_bucket else f"{site.trigger}OutputBucket"
    failed = f"{site.function}FailedEvents"
    resources = {**bucket(name, trigger.bucket), **queue(failed, None)}
    if output != name:
        resources |= bucket(output, trigger.output_bucket)
    rules = {"prefix": trigger.prefix, "suffix": trigger.suffix}
    notify: dict[str, Any] = {"Bucket": {"Ref": name}, "Events": list(trigger.events)}
    if any(rules.values()):
        chosen = [{"Name": key, "Value": value} for key, value in rules.items() if value]
        notify["Filter"] = {"S3Key": {"Rules": chosen}}
    return Wiring(
        # an asynchronous event is tried three times; then it would be gone:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        properties={"DeadLetterQueue": {"Type": "SQS", "TargetArn": {"Fn::GetAtt": [failed, "Arn"]}}},
        events={site.trigger: {"Type": "S3", "Properties": notify}},
        resources=resources,
        statements=[allow(f"{site.trigger}KeepsFailedEvents", ["sqs:SendMessage"], {"Fn::GetAtt": [failed, "Arn"]})],
        late_statements=[
            allow(f"{site.trigger}Reads", ["s3:GetObject"], {"Fn::Sub": f"${{{name}.Arn}}/{trigger.prefix}*"}),
            allow(
                f"{site.trigger}Writes", ["s3:PutObject"], {"Fn::Sub": f"${{{output}.Arn}}/{trigger.output_prefix}*"}
            ),
        ],
        environment={} if output == name else {variable(site.trigger, OUTPUT_BUCKET): {"Ref": output}},
        outputs={
            "Bucket": {"Ref": name},
            "OutputBucket": {"Ref": output},
            "OutputPrefix": trigger.output_prefix,
            "FailedEventsQueueUrl": {"Ref": failed},
        },
    )


def start(service: Any, source: Source) -> None:
    """Make the S3 client while the environment initialises."""
    import_module("slsdeploy_runtime.s3_objects")
    service.client("s3")


def matches(event: Any, source: Source) -> bool:
    """Say whether these are objects of this trigger."""
    try:
        record = event["Records"][0]
        if record["eventSource"] != "aws:s3":
            return False
        where = record["s3"]
    except (TypeError, KeyError, IndexError):
        return False
    options: Trigger = source.options
    key = unquote_plus(where["object"]["key"])
    is_mine = options.bucket in (None, where["bucket"]["name"])
    return is_mine and key.startswith(options.prefix) and key.endswith(options.suffix)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Predict every object of the event and write the results; return where they are.

    An object that fails, the caller's mistake included, writes nothing and raises when the others are done: on AWS that is
    how an asynchronous event is tried again and then kept (in the stack's queue of failed events) for somebody to look at.
    A result of its own for a failure would be taken for a prediction by whoever reads the output prefix.
    """
    from slsdeploy_runtime.s3_objects import predict_objects

    objects = [
        (record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])) for record in event["Records"]
    ]
    return predict_objects(objects, service, source.options, source.setting(OUTPUT_BUCKET))

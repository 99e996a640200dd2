"""Answers as objects of a bucket, each by the id of what it answers: `<prefix><id>.json`. One that is written again is there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slsdeploy_runtime.destinations import ARN
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.names import Created, check_names
from slsdeploy_runtime.outputs import arn_in, logical_id, named, option, variable
from slsdeploy_runtime.resources import allow, bucket
from slsdeploy_runtime.s3_answers import Objects

CLIENT = "s3"
BUCKET = "BUCKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A bucket, of the stack's own or one that exists.

    Raises ValueError for what S3 refuses.
    """

    type: Literal["s3"] = "s3"
    bucket: str | None = option(
        None, "the name of the bucket to create (default: CloudFormation finds one), or the ARN of one that exists"
    )
    prefix: str = option("", "what stands before an answer's id in its key, .json behind it")

    def __post_init__(self) -> None:
        found = ARN.fullmatch(self.bucket or "")
        if (self.bucket or "").startswith("arn:") and (not found or found["service"] != "s3" or "/" in found["name"]):
            raise ValueError(f'bucket: found "{self.bucket}", expected the ARN of a bucket, or a name')
        check_names(self)

    @property
    def target(self) -> str:
        """Return the ARN of the bucket that exists, "" when the stack creates one."""
        return arn_in(self.bucket)

    def triggers(self, trigger: Any) -> bool:
        """Say whether its objects would come to a trigger: one with that very bucket, and a prefix that they may begin with."""
        if trigger is None or trigger.type != "s3" or trigger.bucket is None:
            return False
        begins = trigger.prefix.startswith(self.prefix) or self.prefix.startswith(trigger.prefix)
        return begins and self.target.rpartition(":")[2] == trigger.bucket

    def creates(self) -> Sequence[Created]:
        """Return the bucket, if it has a name."""
        return named("bucket", self.bucket)


def wire(output: Output, trigger: str) -> Wiring:
    """Create the bucket unless it exists, and let the function write there."""
    name = logical_id(trigger, "Bucket")
    arn = output.target or f"${{{name}.Arn}}"
    objects: Any = f"{arn}/{output.prefix}*"
    wiring = Wiring(
        statements=[allow(f"{trigger}Answers", ["s3:PutObject"], objects if output.target else {"Fn::Sub": objects})]
    )
    if output.target:
        return wiring
    own = Wiring(
        resources=bucket(name, output.bucket),
        environment={variable(trigger, BUCKET): {"Ref": name}},
        outputs={"OutputBucket": {"Ref": name}},
    )
    return wiring.beside(own)


def way(service: Any, output: Output | None, setting: Callable[[str], str]) -> Objects:
    """Return the bucket."""
    bucket = (output.target.rpartition(":")[2] if output else "") or setting(BUCKET)
    prefix = output.prefix if output else ""
    return Objects(service.client(CLIENT), lambda answered: (bucket, f"{prefix}{answered}.json"))

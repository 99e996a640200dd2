"""Answers as items of a table, each by the id of what it answers: one that is written again is there once.

Numbers are kept as they were answered; the few that DynamoDB has no room for (beyond 1e126, or nearer to 0 than 1e-130) are texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from slsdeploy_runtime.destinations import ARN
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.names import Created, check_names
from slsdeploy_runtime.outputs import NotSent, arn_in, logical_id, named, option, variable
from slsdeploy_runtime.resources import allow, kept

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Failures, Outgoing

CLIENT = "dynamodb"
TABLE = "TABLE"
EXPIRES = "expires_at"
# BatchWriteItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
ENTRIES, BYTES = 25, 16_000_000
# An item has 400 KB; a short number takes up to twice its text:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
LARGEST = 200_000
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A table, of the stack's own or one that exists and has one text attribute for its key.

    Raises ValueError for what DynamoDB refuses.
    """

    type: Literal["dynamodb"] = "dynamodb"
    table: str | None = option(
        None, "the name of the table to create (default: CloudFormation finds one), or the ARN of one that exists"
    )
    partition_key: str = option("id", "the text attribute by which the table finds its items")
    expire_after_days: int | None = option(
        None, f"how long answers are kept, by the attribute `{EXPIRES}`; default: always"
    )

    def __post_init__(self) -> None:
        found = ARN.fullmatch(self.table or "")
        is_arn = (self.table or "").startswith("arn:")
        if is_arn and (not found or found["service"] != "dynamodb" or not re.fullmatch("table/[^/]+", found["name"])):
            raise ValueError(f'table: found "{self.table}", expected the ARN of a table, or a name')
        if self.table is not None and not is_arn and not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", self.table):
            raise ValueError(
                f'table: found "{self.table}", expected 3 to 255 letters, digits, hyphens, underscores and dots'
            )
        if not re.fullmatch(r"\S{1,255}", self.partition_key):
            raise ValueError(f'partition_key: found "{self.partition_key}", expected the name of an attribute')
        if self.expire_after_days is not None:
            within("expire_after_days", self.expire_after_days, 1, 36_500)
        check_names(self)

    @property
    def target(self) -> str:
        """Return the ARN of the table that exists, "" when the stack creates one."""
        return arn_in(self.table)

    def triggers(self, trigger: Any) -> bool:
        """Say whether its items would come to a trigger: through the stream of that table."""
        is_streamed = trigger is not None and trigger.type == "dynamodb" and bool(self.target)
        return is_streamed and (trigger.table or "").startswith(f"{self.target}/")

    def creates(self) -> Sequence[Created]:
        """Return the table, if it has a name."""
        return named("table", self.table)


def wire(output: Output, trigger: str) -> Wiring:
    """Create the table unless it exists, and let the function write to it."""
    name = logical_id(trigger, "Table")
    arn: Any = output.target or {"Fn::GetAtt": [name, "Arn"]}
    properties: dict[str, Any] = {
        **({"TableName": output.table} if output.table is not None else {}),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": output.partition_key, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": output.partition_key, "KeyType": "HASH"}],
    }
    if output.expire_after_days is not None:
        properties["TimeToLiveSpecification"] = {"AttributeName": EXPIRES, "Enabled": True}
    table: Any = output.target.rpartition("/")[2] or {"Ref": name}
    return Wiring(
        resources={} if output.target else {name: kept("AWS::DynamoDB::Table", properties)},
        statements=[allow(f"{trigger}Answers", ["dynamodb:BatchWriteItem"], arn)],
        environment={variable(trigger, TABLE): table},
        outputs={"OutputTable": table},
    )


class Table(NamedTuple):
    """A table by its name, the attribute of its key, and for how many seconds an answer is kept (0: always)."""

    client: Any
    name: str
    key: str
    seconds: int
    entries: int = ENTRIES
    bytes: int = BYTES
    largest: int = LARGEST
    is_ordered: bool = False

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Write up to 25 items in one call, again those that the table had no capacity for; return what it did not take."""
        from time import sleep

        left = {each.id: {"PutRequest": {"Item": self._item(each)}} for each in answers}  # of two with one id the last
        for wait in range(_TRIES):
            told = self.client.batch_write_item(RequestItems={self.name: list(left.values())})
            ids = {each["PutRequest"]["Item"][self.key]["S"] for each in told["UnprocessedItems"].get(self.name, [])}
            left = {key: each for key, each in left.items() if key in ids}
            if not left:
                break
            sleep(0.05 * 2**wait)
        return {key: NotSent(f"the table {self.name} has no capacity left for it") for key in left}

    def _item(self, answer: Outgoing) -> dict[str, Any]:
        from decimal import Decimal
        from time import time

        value = json.loads(answer.body, parse_float=Decimal)
        item: dict[str, Any] = {name: _attribute(each) for name, each in value.items()}
        item[self.key] = {"S": answer.id}
        if self.seconds:
            item[EXPIRES] = {"N": str(int(time()) + self.seconds)}
        return item


def way(service: Any, output: Output, setting: Callable[[str], str]) -> Table:
    """Return the table."""
    seconds = (output.expire_after_days or 0) * 86_400
    return Table(service.client(CLIENT), setting(TABLE), output.partition_key, seconds)


def _attribute(value: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [_attribute(each) for each in value]}
    if isinstance(value, Mapping):
        return {"M": {name: _attribute(each) for name, each in value.items()}}
    text = str(value)
    return {"N" if _has_room(value) else "S": text}


def _has_room(number: Any) -> bool:
    size = abs(number)
    return bool(number == 0 or (size < 10**126 and (size >= 1 or size * 10**130 >= 1))) and len(str(number)) <= 45

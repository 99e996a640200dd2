"""Answers as events on a bus: the answer is the detail, rules pick by `source` and `detail-type`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from slsdeploy_runtime.destinations import ARN
from slsdeploy_runtime.envelope import fits
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.names import Created, check_names
from slsdeploy_runtime.outputs import NotSent, arn_in, logical_id, option, variable
from slsdeploy_runtime.resources import allow

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Failures, Outgoing

CLIENT = "events"
BUS = "EVENT_BUS"
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
ENTRIES, BYTES = 10, 262_144
_AROUND = 512  # time, source and detail-type count too


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An event bus: the account's default one, one of the stack's own, or another that exists.

    Raises ValueError for what EventBridge refuses.
    """

    type: Literal["eventbridge"] = "eventbridge"
    bus: str = option("default", "the event bus: the account's default one, the name of one to create, or an ARN")
    source: str = option("slsdeploy", "the events' source")
    detail_type: str = option("Inference Result", "the events' detail-type")

    def __post_init__(self) -> None:
        found = ARN.fullmatch(self.bus)
        if self.bus.startswith("arn:") and (not found or not found["name"].startswith("event-bus/")):
            raise ValueError(f'bus: found "{self.bus}", expected the ARN of an event bus, or a name')
        if self.source.startswith("aws.") or not 0 < len(self.source) <= 256:
            raise ValueError(
                f'source: found "{self.source}", expected up to 256 characters that do not begin with aws.'
            )
        if not 0 < len(self.detail_type) <= 128:
            raise ValueError(f'detail_type: found "{self.detail_type}", expected up to 128 characters')
        check_names(self)

    @property
    def target(self) -> str:
        """Return the ARN of the bus that exists, "" when it is the account's default one or the stack's."""
        return arn_in(self.bus)

    def triggers(self, trigger: Any) -> bool:
        """Say whether its events would come to a trigger: on the same bus, and of its pattern as far as source and detail-type tell."""
        if trigger is None or trigger.type != "eventbridge" or trigger.bus != self.bus:
            return False
        return fits({"source": self.source, "detail-type": self.detail_type}, trigger.pattern)

    def creates(self) -> Sequence[Created]:
        """Return the bus, unless it exists."""
        return [] if self.target or self.bus == "default" else [Created("event bus", self.bus, "bus")]


def wire(output: Output, trigger: str) -> Wiring:
    """Create the bus unless it exists, and let the function put events on it."""
    name = logical_id(trigger, "Bus")
    default = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
    arn: Any = output.target or (default if output.bus == "default" else {"Fn::GetAtt": [name, "Arn"]})
    resources = (
        {name: {"Type": "AWS::Events::EventBus", "Properties": {"Name": output.bus}}} if output.creates() else {}
    )
    bus: Any = {"Ref": name} if resources else output.bus
    return Wiring(
        resources=resources,
        statements=[allow(f"{trigger}Answers", ["events:PutEvents"], arn)],
        environment={variable(trigger, BUS): bus},
        outputs={"OutputEventBus": bus},
    )


class Bus(NamedTuple):
    """A bus by its name or ARN, and how the events on it are called."""

    client: Any
    name: str
    source: str
    detail_type: str
    entries: int = ENTRIES
    bytes: int = BYTES - ENTRIES * _AROUND
    largest: int = BYTES - ENTRIES * _AROUND
    is_ordered: bool = False

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Put up to ten events in one call; return those that EventBridge did not take."""
        entries = [
            {
                "EventBusName": self.name,
                "Source": self.source,
                "DetailType": self.detail_type,
                "Detail": each.body.decode(),
            }
            for each in answers
        ]
        told = self.client.put_events(Entries=entries)["Entries"]
        return {
            answer.id: NotSent(f"{each['ErrorCode']}: {each.get('ErrorMessage', '')}")
            for answer, each in zip(answers, told, strict=True)
            if "ErrorCode" in each
        }


def way(service: Any, output: Output, setting: Callable[[str], str]) -> Bus:
    """Return the bus."""
    return Bus(service.client(CLIENT), setting(BUS), output.source, output.detail_type)

"""Log events, messages and records come and go in floods; moto remembers each of them for ever, for its dashboard."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import MetricDatumBase
from moto.core.common_models import BaseModel
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord
from moto.kinesis.models import Record
from moto.logs.models import LogEvent
from moto.sqs.models import Message

FLOODS: tuple[type[BaseModel], ...] = (Item, LogEvent, Message, MetricDatumBase, Record, StreamRecord)


def mend() -> None:
    """Let go of what is deleted."""
    for kind in FLOODS:
        kind.__new__ = _forgotten  # type: ignore[assignment]


def _forgotten(kind: type[Any], *args: Any, **named: Any) -> Any:
    return object.__new__(kind)

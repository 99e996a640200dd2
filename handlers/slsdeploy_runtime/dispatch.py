"""A Lambda event -> the event source of this function that it is for, in the order in which the build listed them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from slsdeploy_runtime.events import Source
from slsdeploy_runtime.manifest import Event
from slsdeploy_runtime.service import Service


class UnknownEvent(Exception):
    """The event is of an event source that this function has no trigger for.

    It is raised, not answered: a queue takes any answer for success and would delete its messages.
    """


class Dispatch:
    """The event sources of this function, imported and started."""

    def __init__(self, events: Sequence[Event], service: Service) -> None:
        self._service = service
        self._sources: list[tuple[ModuleType, Source]] = []
        for event in events:
            module = import_module(event.module)
            options = module.Trigger(**event.options) if hasattr(module, "Trigger") else None
            source = Source(event.name, options)
            if hasattr(module, "start"):
                module.start(service, source)
            self._sources.append((module, source))

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer one event; its metrics are written whatever comes of it."""
        telemetry = self._service.telemetry
        telemetry.begin(context)
        if self._service.once is not None:
            self._service.once.context = context
        try:
            for module, source in self._sources:
                if module.matches(event, source):
                    return module.handle(event, context, self._service, source)
            raise UnknownEvent(f"this function has no trigger for {_sort(event)}; it has {self._names()}")
        finally:
            telemetry.end()

    def _names(self) -> str:
        return ", ".join(source.name for _, source in self._sources)


def _sort(event: Any) -> str:
    """Say what kind of event it is, as far as AWS's own fields tell."""
    if not isinstance(event, dict):
        return f"an event that is a {type(event).__name__}"
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], dict):
        record = records[0]
        source = record.get("eventSource", record.get("EventSource", "these"))
        return f"{source} records from {record.get('eventSourceARN', 'there')}"
    if "detail-type" in event:
        return f"an event {event['detail-type']!r} from {event.get('source', 'there')}"
    return "an HTTP request" if "requestContext" in event else "this event"

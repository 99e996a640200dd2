"""Direct invokes (`slsdeploy invoke`, `aws lambda invoke`, Step Functions): the event is the request, the return value the answer.

The caller's mistake is answered, `{"error": {...}}`; ours is raised, and Lambda reports it as a function error.
"""

from __future__ import annotations

from typing import Any

from slsdeploy_runtime.events import Source

READY = {"slsdeploy": "ready"}  # what `slsdeploy up` asks after a deployment
PHASES = {"slsdeploy": "phases"}  # what `slsdeploy bench` asks of a process it has started


def matches(event: Any, source: Source) -> bool:
    """Say yes to all but what another event source sent: those want more than an answer."""
    if not isinstance(event, dict):
        return True
    is_kafka = event.get("eventSource") in ("aws:kafka", "SelfManagedKafka")
    return not ("Records" in event or "requestContext" in event or "detail-type" in event or is_kafka)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the event; service is a `slsdeploy_runtime.service.Service`."""
    from slsdeploy_runtime.request import BadInput, Request

    if event == READY:
        return service.ready()
    if event == PHASES:
        from slsdeploy_runtime import phases

        return phases.report()
    try:
        answer = service.outcome(Request(event, source="direct"))
        if answer.fits():
            return answer.value
        from slsdeploy_runtime import large

        return large.answer(service, answer.value, "direct")
    except BadInput as error:
        service.telemetry.failure(error, "direct")
        return {"error": {"type": "BadInput", "message": error.message, **error.details}}
    except Exception as error:
        service.telemetry.failure(error, "direct")
        raise

"""The queue of a function's failed events: one for all of its triggers that are delivered asynchronously. Pure.

Lambda tries an asynchronous event three times; then it would be gone:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from slsdeploy_runtime.events import Site, Wiring
from slsdeploy_runtime.resources import allow, queue


def keep(site: Site) -> Wiring:
    """Keep what failed three times, whichever trigger it came by, for somebody to look at."""
    name = f"{site.function}FailedEvents"
    arn = {"Fn::GetAtt": [name, "Arn"]}
    return Wiring(
        properties={"DeadLetterQueue": {"Type": "SQS", "TargetArn": arn}},
        resources=queue(name, None),
        statements=[allow(f"{site.trigger}KeepsFailedEvents", ["sqs:SendMessage"], arn)],
        outputs={"FailedEventsQueueUrl": {"Ref": name}},
    )

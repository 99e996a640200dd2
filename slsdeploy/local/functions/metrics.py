"""Puts the metrics that functions print (CloudWatch's embedded metric format) into moto's CloudWatch.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
A line that is none, or is not as the specification says, is a log line like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from slsdeploy.local.lambda_names import ACCOUNT

KEPT = 100_000


def put(region: str, message: str) -> None:
    """Put the metrics of one log line; only the newest are kept, since all are in memory."""
    if '"_aws"' not in message or not message.startswith("{"):
        return
    try:
        found = list(read(json.loads(message)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    backend = cloudwatch_backends[ACCOUNT][region]
    for namespace, datum in found:
        backend.put_metric_data(namespace, [datum])
    if len(backend.metric_data) > KEPT:
        backend.metric_data = backend.metric_data[-KEPT:]


def read(line: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each namespace and datum of a line, one for each set of dimensions and each value."""
    # moto keeps its times without a time zone.
    moment = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC).replace(tzinfo=None)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive.get("Dimensions") or [[]]:
            named = [{"Name": name, "Value": str(line[name])} for name in dimensions]
            for metric in directive["Metrics"]:
                for value in _values(line[metric["Name"]]):
                    yield (
                        directive["Namespace"],
                        {
                            "MetricName": metric["Name"],
                            "Value": value,
                            "Unit": metric.get("Unit", "None"),
                            "Dimensions": named,
                            "Timestamp": moment,
                        },
                    )


def _values(value: Any) -> list[float]:
    return [float(one) for one in value] if isinstance(value, list) else [float(value)]

"""Whether a function's own policy lets a service call it, as moto keeps the policy."""

from __future__ import annotations

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError

from slsdeploy.local import lambda_names
from slsdeploy.local.mends import policies


def function_lets_in(function: str, service: str, source: str) -> bool:
    """Return whether a function (its ARN, with a qualifier or without) may be invoked by a service for a source (an ARN)."""
    region = function.split(":")[3]
    name, qualifier = lambda_names.split(function)
    try:
        found = lambda_backends[lambda_names.ACCOUNT][region].get_function(name, qualifier)
    except JsonRESTError:
        return False
    arn = lambda_names.arn(region, name, qualifier)
    statements = [item for item in found.policy.statements if item.get("Resource") == arn]
    return policies.lets_in(statements, service, "lambda:InvokeFunction", source)

"""The function joins a network, and calls AWS services from there."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy.types import S3Origin

_OUTPUTS = {"s3": "S3", "sqs": "SQS", "sns": "SNS", "eventbridge": "EventBridge", "dynamodb": "DynamoDB"}


class VpcEndpoints(Rule):
    """The function joins a network, and calls AWS services from there.

    Why: a function in a VPC has no public address: without a NAT gateway or the services' endpoints its calls hang until it is timed
    out, at start if it reads a model or a secret then.

    Mend: make sure that the subnets lead to a NAT gateway, or have endpoints for these services (those of S3 and DynamoDB cost nothing).

    Example:
        model = "s3://models/iris.onnx"

        [vpc]
        subnets = ["subnet-1a"]
        security_groups = ["sg-1"]
    """

    id = "vpc-endpoints"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.project.config.vpc is None:
            return
        called = sorted(set(_called(subject)))
        if called:
            message = f"the function is in a VPC and calls {', '.join(called)}"
            hint = "see to it that its subnets have a NAT gateway, or endpoints for these services"
            yield self.setting(subject, ("vpc",), message, hint)


def _called(subject: Subject) -> Iterator[str]:
    """Name the services that it calls by what slsdeploy.toml says."""
    config = subject.project.config
    if any(each.type == "s3" or getattr(each, "output", None) == "bucket" for each in config.trigger):
        yield "S3"
    if any(isinstance(model.origin, S3Origin) for model in subject.project.models):
        yield "S3"
    for source in config.secrets.values():
        yield "SSM" if source.startswith("ssm:") or ":ssm:" in source else "Secrets Manager"
    if config.idempotency_seconds is not None:
        yield "DynamoDB"
    if config.output is not None:
        yield _OUTPUTS.get(config.output.type, config.output.type)
    elif any(each.type == "sqs" and each.output in (None, "queue") for each in config.trigger):
        yield "SQS"

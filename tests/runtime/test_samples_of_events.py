"""The sample of every event source: its own source takes it, no other does, and the model answers it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from slsdeploy import plugins
from slsdeploy_runtime.events import Placed, Site, Source
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Serve, recorded

SOURCES = plugins.event_sources()
BODY = {"inputs": {"x": [[1.0, 2.0]]}}
OUTPUTS = {"outputs": {"y": [[2.0, 4.0]]}}
OPTIONS: dict[str, dict[str, Any]] = {
    "kafka": {"cluster": recorded("kafka_msk")["eventSourceArn"], "topics": ["rows"]},
    "eventbridge": {"pattern": {"source": ["me"]}, "input_path": "$.detail.a.b"},
    "s3": {"bucket": "flowers", "suffix": ".flower"},
}
STACK = {"QueueArn": "arn:q", "TopicArn": "arn:t", "StreamArn": "arn:s", "TableStreamArn": "arn:d", "Bucket": "flowers"}
ANSWERS: dict[str, Any] = {
    "appsync": {"y": [[2.0, 4.0]]},
    "eventbridge": OUTPUTS,
    "schedule": OUTPUTS,
    "stepfunctions": OUTPUTS,
    "sns": {"answers": [OUTPUTS]},
    "s3": {"written": ["s3://flowers/output/input/sample.flower.json"], "skipped": []},
    **{each: {"batchItemFailures": []} for each in ("sqs", "kinesis", "dynamodb", "kafka")},
}


def placed(name: str) -> Placed:
    return Placed(f"{name.title()}Trigger", SOURCES[name].Trigger(**OPTIONS.get(name, {})), STACK, REGION)


@pytest.mark.parametrize("name", SOURCES)
def test_a_sample_is_taken_by_its_own_source_alone(name: str) -> None:
    event = SOURCES[name].sample(BODY, placed(name))
    assert json.loads(json.dumps(event)) == event
    takers = [each for each in SOURCES if SOURCES[each].matches(event, Source(each, placed(each).options))]
    assert takers == [name]


@pytest.mark.parametrize("name", SOURCES)
def test_a_sample_is_answered(name: str, serve: Serve, aws: None) -> None:
    if hasattr(SOURCES[name], "sample_object"):
        bucket, key, content = SOURCES[name].sample_object(BODY, placed(name))
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")
        s3.close()
    answer = serve(events=[bundles.event(name, **OPTIONS.get(name, {}))])(SOURCES[name].sample(BODY, placed(name)))
    if name == "http":
        answer = json.loads(answer["body"])
    assert answer == ANSWERS.get(name, OUTPUTS)


BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({"via": "http_api"}, "api_gateway_http"),
        ({"via": "rest_api"}, "api_gateway_rest"),
        ({"via": "load_balancer", "auth": "none", "listener": BALANCER, "priority": 1}, "alb_multi_value"),
        (
            {"via": "load_balancer", "auth": "none", "listener": BALANCER, "priority": 1, "path": "/iris/*"},
            "alb_multi_value",
        ),
    ],
)
def test_a_sample_comes_its_triggers_way(
    options: dict[str, Any], form: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = SOURCES["http"].Trigger(**options)
    event = SOURCES["http"].sample(BODY, Placed("HttpTrigger", trigger, {}, REGION))
    real = recorded(form)
    assert event.keys() <= real.keys()
    assert event["requestContext"].keys() <= real["requestContext"].keys()
    site = Site("Function", 30, "HttpTrigger")
    for name, value in SOURCES["http"].wire(trigger, site).environment.items():
        monkeypatch.setenv(name, value)
    answer = serve(events=[bundles.event("http", **options)])(event)
    assert json.loads(answer["body"]) == OUTPUTS

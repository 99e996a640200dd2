"""What every event source on disk must hold to, in both of its halves; a new file is tested without a change here."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from slsdeploy import assets, plugins
from slsdeploy.transform import transform
from slsdeploy_runtime.events import Signature, Site, Source, Wiring

SOURCES = plugins.event_sources()
EVENTS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[1] / "events").glob("*.json")}
OWNERS = {
    "function_url": "http",
    "api_gateway_http": "http",
    "api_gateway_rest": "http",
    "alb": "http",
    "alb_multi_value": "http",
}
REGION = "eu-west-1"
IRIS = Signature("iris", [("x", "FP32", (-1, 4))], [("label", "INT64", (-1,)), ("scores", "FP32", (-1, 3))])
MODELS = [IRIS]
ASK = {"Type": "Task", "Resource": "${Function}", "End": True}
TEXTS = {"definition": json.dumps({"StartAt": "Ask", "States": {"Ask": ASK}})}

# what a trigger cannot do without
REQUIRED: dict[str, dict[str, Any]] = {
    "kafka": {
        "cluster": "arn:aws:kafka:eu-west-1:123456789012:cluster/rows/751d2973-a626-431c-9d4e-d7975eb44dd7-2",
        "topics": ["rows"],
    },
}
OWN_KAFKA = {"cluster": None, "bootstrap_servers": ["b1.example.com:9092", "b2.example.com:9092"]}
KAFKA_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:broker-Ab12Cd"

LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
BALANCER = {"via": "load_balancer", "auth": "none", "listener": LISTENER, "priority": 7}

# beside the defaults: options that change what is wired
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "http": [
        {"auth": "none"},
        {
            "cors": {
                "allow_origins": ["https://www.example.com"],
                "allow_methods": ["POST"],
                "allow_headers": ["content-type"],
                "expose_headers": ["server-timing"],
                "max_age": 600,
                "allow_credentials": True,
            }
        },
        {"via": "http_api"},
        {"via": "http_api", "cors": {"allow_origins": ["https://www.example.com"], "max_age": 600}},
        {"via": "http_api", "auth": "none", "cors": {"allow_origins": ["*"]}},
        {"via": "rest_api"},
        {"via": "rest_api", "auth": "none"},
        BALANCER,
        {**BALANCER, "path": "/iris/v1/*"},
    ],
    "kafka": [
        {
            "authentication": "IAM_AUTH",
            "minimum_pollers": 1,
            "maximum_pollers": 3,
            "maximum_retry_attempts": 3,
            "maximum_record_age_in_seconds": 60,
            "consumer_group_id": "iris",
            "on_failure": "queue",
        },
        {"authentication": "SASL_SCRAM_512_AUTH", "secret": KAFKA_SECRET, "filters": ['{"value": {"kind": ["iris"]}}']},
        {
            **OWN_KAFKA,
            "authentication": "BASIC_AUTH",
            "secret": KAFKA_SECRET,
            "server_root_ca_certificate": KAFKA_SECRET,
            "maximum_batching_window_in_seconds": 5,
            "starting_position": "AT_TIMESTAMP",
            "starting_position_timestamp": 1_700_000_000,
            "output": "bucket",
        },
    ],
    "dynamodb": [
        {"table": "flowers", "partition_key": "flower", "events": ["INSERT"], "output": "bucket"},
        {
            "table": "arn:aws:dynamodb:eu-west-1:123456789012:table/flowers/stream/2016-11-16T20:42:48.104",
            "on_failure": "arn:aws:sqs:eu-west-1:123456789012:failed-flowers",
            "filters": ['{"dynamodb": {"NewImage": {"kind": {"S": ["iris"]}}}}'],
            "output": "none",
        },
    ],
    "kinesis": [
        {
            "stream": "rows",
            "shard_count": 2,
            "retention_period_hours": 48,
            "output": "bucket",
            "filters": ['{"data": {"kind": ["iris", {"prefix": "iris-"}]}}'],
            "maximum_record_age_in_seconds": 3600,
            "parallelization_factor": 4,
        },
        {
            "stream": "arn:aws:kinesis:eu-west-1:123456789012:stream/rows",
            "output": "none",
            "on_failure": "arn:aws:s3:::failed-rows",
            "starting_position": "AT_TIMESTAMP",
            "starting_position_timestamp": 1_700_000_000,
        },
        {"on_failure": "none", "maximum_batching_window_in_seconds": 5, "maximum_retry_attempts": -1},
        {"on_failure": "arn:aws:sns:eu-west-1:123456789012:failed-rows"},
    ],
    "s3": [
        {"bucket": "flowers-in", "output_bucket": "flowers-out", "prefix": ""},
        {
            "maximum_retry_attempts": 0,
            "maximum_event_age_in_seconds": 60,
            "on_failure": "arn:aws:s3:::failed-events",
            "on_success": "arn:aws:events:eu-west-1:123456789012:event-bus/default",
        },
        {"on_success": "arn:aws:lambda:eu-west-1:123456789012:function:next"},
        {"suffix": ".png", "prefix": "", "events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"]},
        {"via": "sqs", "bucket": "flowers-in", "suffix": ".png"},
        {"via": "sns", "events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Copy"]},
        {"via": "eventbridge", "suffix": ".png"},
        {"via": "eventbridge", "prefix": "", "suffix": ".png", "events": ["s3:ObjectCreated:Put"]},
    ],
    "sns": [
        {"topic": "flowers", "filter_policy": {"kind": ["row"]}, "filter_policy_scope": "MessageBody"},
        {"topic": "arn:aws:sns:eu-west-1:123456789012:flowers"},
    ],
    "eventbridge": [
        {
            "bus": "flowers",
            "pattern": {"source": ["me"], "detail": {"kind": [{"prefix": "r"}]}},
            "input_path": "$.detail.a",
        },
        {"bus": "arn:aws:events:eu-west-1:123456789012:event-bus/flowers"},
    ],
    "schedule": [
        {"expression": "cron(0 12 * * ? *)", "timezone": "Europe/Berlin", "input": {"instances": [[1, 2]]}},
        {"expression": "at(2030-01-31T12:00:00)"},
    ],
    "appsync": [{"auth": "api_key", "expires": 1_900_000_000}, {"max_batch_size": 100}],
    "stepfunctions": [
        {"state_machine_name": "ask-iris", "state_machine_type": "EXPRESS"},
        {"definition": "mine.asl.json", "plain_events": "raise"},
    ],
    "sqs": [
        {"queue": "rows", "output": "bucket", "output_name": "row-answers", "maximum_concurrency": 5},
        {"queue": "rows.fifo", "max_receive_count": 2, "filters": ['{"body": {"kind": ["iris"]}}']},
        {"queue": "arn:aws:sqs:eu-west-1:123456789012:rows.fifo", "maximum_concurrency": 2},
        {"output": "none", "batch_size": 100, "maximum_batching_window_in_seconds": 5, "visibility_timeout": 600},
    ],
}
CASES = [(name, options) for name in SOURCES for options in [{}, *VARIANTS.get(name, [])]]


def make(name: str, **options: Any) -> Any:
    """Return a trigger with these options, and what it needs beside."""
    return SOURCES[name].Trigger(**{**REQUIRED.get(name, {}), **options})


def owner(event: str) -> str:
    return OWNERS.get(event, event.partition("_")[0])


def of(event: Any) -> str:
    """Return the queue or topic that an event comes from."""
    record = event["Records"][0]
    return str(record["eventSourceARN"] if "eventSourceARN" in record else record["Sns"]["TopicArn"])


def wire(name: str, options: Mapping[str, Any], trigger: str = "") -> Wiring:
    module = SOURCES[name]
    site = Site("Function", 30, trigger or f"{name.title()}Trigger", models=MODELS, texts=TEXTS)
    wiring: Wiring = module.wire(make(name, **options), site)
    return wiring


def sam(*wirings: Wiring) -> dict[str, Any]:
    """Merge wirings onto the template that every project starts from, as `stack.py` does."""
    template: dict[str, Any] = yaml.safe_load((assets.templates() / "function.yaml").read_text())
    resources = template["Resources"]
    properties = resources["Function"]["Properties"]
    variables: dict[str, Any] = properties.setdefault("Environment", {}).setdefault("Variables", {})
    document = resources["FunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    late: list[Any] = []
    for index, wiring in enumerate(wirings):
        properties.update(wiring.properties)
        properties.setdefault("Events", {}).update(wiring.events)
        variables.update(wiring.environment)
        resources.update(wiring.resources)
        template["Outputs"].update({f"{name}{index}": {"Value": value} for name, value in wiring.outputs.items()})
        document["Statement"].extend(wiring.statements)
        late.extend(wiring.late_statements)
    if late:
        policy = {
            "PolicyName": "data",
            "Roles": [{"Ref": "FunctionRole"}],
            "PolicyDocument": {**document, "Statement": late},
        }
        resources["Late"] = {"Type": "AWS::IAM::Policy", "Properties": policy}
    return template


def cloudformation(*wirings: Wiring) -> dict[str, Any]:
    return dict(transform(sam(*wirings), REGION))


def of_type(template: Mapping[str, Any], type: str) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == type}


@pytest.mark.parametrize("name", SOURCES)
def test_its_trigger_is_a_frozen_dataclass_of_keywords_with_its_own_word_first(name: str) -> None:
    trigger: Any = SOURCES[name].Trigger
    assert trigger.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(trigger))
    assert (dataclasses.fields(trigger)[0].name, make(name).type) == ("type", name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make(name).type = "other"


@pytest.mark.parametrize(("name", "options"), CASES)
def test_its_options_survive_the_manifest(name: str, options: dict[str, Any]) -> None:
    trigger: Any = make(name, **options)
    again = SOURCES[name].Trigger(**json.loads(json.dumps(dataclasses.asdict(trigger))))
    assert json.dumps(dataclasses.asdict(again)) == json.dumps(dataclasses.asdict(trigger))


@pytest.mark.parametrize("name", SOURCES)
def test_importing_it_takes_the_standard_library_only(name: str) -> None:
    script = f"import {SOURCES[name].__name__}, sys; print(*{{module.partition('.')[0] for module in sys.modules}})"
    handlers = str(Path(__file__).parents[2] / "handlers")
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": handlers},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert set(done.stdout.split()) <= {*sys.stdlib_module_names, "__main__", "slsdeploy_runtime"}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("event", EVENTS)
def test_it_takes_its_own_events_and_no_others(name: str, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SOURCES[name]
    own = OWN_KAFKA if event == "kafka_self_managed" and name == "kafka" else {}
    if name in ("sqs", "sns"):  # whose queue or topic it is, the deployment says
        key = {"sqs": "QUEUE_ARN", "sns": "TOPIC_ARN"}[name]
        monkeypatch.setenv(
            f"SLSDEPLOY_{name.upper()}TRIGGER_{key}", of(EVENTS[event]) if owner(event) == name else "other"
        )
    source = Source(f"{name.title()}Trigger", make(name, **own))
    assert module.matches(EVENTS[event], source) == (owner(event) == name)


def test_every_event_source_has_a_recorded_event() -> None:
    assert {owner(event) for event in EVENTS} == set(SOURCES)


@pytest.mark.parametrize("name", [*SOURCES, "direct"])
@pytest.mark.parametrize(
    "event", [None, 1, "text", [], {}, {"Records": []}, {"Records": [None]}, {"Records": [{}]}, {"Records": 1}]
)
def test_events_of_any_shape_do_not_trip_it(name: str, event: Any) -> None:
    module: ModuleType = import_module(f"slsdeploy_runtime.events.{name}")
    source = Source("Trigger", make(name) if hasattr(module, "Trigger") else None)
    is_records = isinstance(event, dict) and "Records" in event
    assert module.matches(event, source) is (name == "direct" and not is_records)


@pytest.mark.parametrize("form", [sam, cloudformation])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_cfn_lint_finds_nothing_in_its_stack(
    name: str, options: dict[str, Any], form: Callable[..., dict[str, Any]]
) -> None:
    found = lint(json.dumps(form(wire(name, options))), config=ManualArgs(regions=[REGION]))
    assert [str(problem) for problem in found] == []


def test_several_triggers_of_a_kind_live_side_by_side() -> None:
    alone = ("appsync",)  # of which a project has one
    wirings = [
        wire(name, {}, f"{name.title()}Trigger{index}")
        for name in SOURCES
        for index in ("", "2")
        if not (index and name in alone)
    ]
    template = cloudformation(*wirings)
    polled = ("sqs", "kinesis", "dynamodb", "kafka")
    assert len(of_type(template, "AWS::Lambda::EventSourceMapping")) == 2 * len(set(polled) & set(SOURCES))
    assert len(of_type(template, "AWS::S3::Bucket")) == 2
    # what is delivered asynchronously shares one queue of failed events
    assert [name for name in of_type(template, "AWS::SQS::Queue") if "FailedEvents" in name] == ["FunctionFailedEvents"]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_its_buckets_are_encrypted_private_tls_only_and_kept(name: str, options: dict[str, Any]) -> None:
    template = cloudformation(wire(name, options))
    for logical_id, resource in of_type(template, "AWS::S3::Bucket").items():
        properties = resource["Properties"]
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert all(properties["PublicAccessBlockConfiguration"].values())
        _is_kept(resource)
        _is_tls_only(template, "AWS::S3::BucketPolicy", "Bucket", {"Ref": logical_id})


@pytest.mark.parametrize(("name", "options"), CASES)
def test_its_queues_are_encrypted_tls_only_and_kept(name: str, options: dict[str, Any]) -> None:
    template = cloudformation(wire(name, options))
    for logical_id, resource in of_type(template, "AWS::SQS::Queue").items():
        assert resource["Properties"]["SqsManagedSseEnabled"] is True
        _is_kept(resource)
        _is_tls_only(template, "AWS::SQS::QueuePolicy", "Queues", [{"Ref": logical_id}])


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_queue_that_is_polled_waits_six_timeouts_and_has_a_dead_letter_queue(
    name: str, options: dict[str, Any]
) -> None:
    template = cloudformation(wire(name, options))
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values() if name == "sqs" else ():
        if isinstance(mapping["Properties"]["EventSourceArn"], str):
            continue  # a queue that exists has a dead-letter queue, or not, of its owner's choice
        queue = template["Resources"][mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * 30
        dead = template["Resources"][queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        assert dead.get("FifoQueue") == queue.get("FifoQueue")
        assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_asks_for_no_permission_by_wildcard(name: str, options: dict[str, Any]) -> None:
    wiring = wire(name, options)
    for statement in (*wiring.statements, *wiring.late_statements):
        assert not any("*" in action for action in statement["Action"])
        # of a resource of this stack, by reference; or of one that exists, by its ARN
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        is_network = all(action.startswith("ec2:") for action in statement["Action"])  # EC2 takes no other
        assert all(isinstance(each, dict) or each.startswith("arn:") or is_network for each in resources)
    for role in of_type(
        {"Resources": wiring.resources}, "AWS::IAM::Role"
    ).values():  # what calls the function, and nothing else
        (policy,) = role["Properties"]["Policies"]
        (allowed,) = policy["PolicyDocument"]["Statement"]
        assert (allowed["Action"], allowed["Resource"]) == (["lambda:InvokeFunction"], {"Ref": "Function.Alias"})
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize(("auth", "kind", "permissions"), [("iam", "AWS_IAM", 0), ("none", "NONE", 2)])
def test_a_url_is_signed_unless_the_project_says_otherwise(auth: str, kind: str, permissions: int) -> None:
    template = cloudformation(wire("http", {"auth": auth}))
    (url,) = of_type(template, "AWS::Lambda::Url").values()
    assert url["Properties"]["AuthType"] == kind
    granted = [each["Properties"]["Action"] for each in of_type(template, "AWS::Lambda::Permission").values()]
    assert sorted(granted) == ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"][:permissions]


@pytest.mark.parametrize("via", ["http_api", "rest_api"])
@pytest.mark.parametrize("auth", ["iam", "none"])
def test_an_api_calls_the_alias_for_every_path_and_is_signed_unless_the_project_says_otherwise(
    via: str, auth: str
) -> None:
    template = cloudformation(wire("http", {"via": via, "auth": auth}))
    kind = "AWS::ApiGatewayV2::Api" if via == "http_api" else "AWS::ApiGateway::RestApi"
    ((name, api),) = of_type(template, kind).items()
    assert of_type(template, "AWS::Lambda::Url") == {}
    body = api["Properties"]["Body"]
    assert sorted(body["paths"]) == (["$default"] if via == "http_api" else ["/", "/{proxy+}"])
    for methods in body["paths"].values():
        ((method, said),) = methods.items()
        assert method == "x-amazon-apigateway-any-method"
        assert said.get("security") == ([{"AWS_IAM": []}] if auth == "iam" else None)
        integration = said["x-amazon-apigateway-integration"]
        assert integration["uri"]["Fn::Sub"].endswith("/functions/${FunctionAliaslive}/invocations")
        assert "credentials" not in integration  # the caller's own rights would be asked for
    granted = [each["Properties"] for each in of_type(template, "AWS::Lambda::Permission").values()]
    assert granted
    for each in granted:
        assert each["FunctionName"] == {"Ref": "FunctionAliaslive"}
        text, values = each["SourceArn"]["Fn::Sub"]
        assert (":${__ApiId__}/" in text, values["__ApiId__"]) == (True, {"Ref": name})
    stages = {**of_type(template, "AWS::ApiGateway::Stage"), **of_type(template, "AWS::ApiGatewayV2::Stage")}
    assert [stage["Properties"]["StageName"] for stage in stages.values()] == [
        "$default" if via == "http_api" else "live"
    ]


def test_only_a_preflight_of_an_http_api_goes_unsigned() -> None:
    options = {"via": "http_api", "cors": {"allow_origins": ["https://www.example.com"]}}
    (api,) = of_type(cloudformation(wire("http", options)), "AWS::ApiGatewayV2::Api").values()
    body = api["Properties"]["Body"]
    unsigned = {
        (path, method)
        for path, methods in body["paths"].items()
        for method, said in methods.items()
        if not said.get("security")
    }
    assert unsigned == {("/{proxy+}", "options")}
    assert body["x-amazon-apigateway-cors"] == {"allowOrigins": ["https://www.example.com"]}


def test_one_way_may_follow_another_in_a_stack() -> None:
    kinds: dict[str, str] = {}
    for options in ({}, {"via": "http_api"}, {"via": "rest_api"}, BALANCER):
        for logical_id, resource in cloudformation(wire("http", options))["Resources"].items():
            # CloudFormation refuses a change of type
            assert kinds.setdefault(logical_id, resource["Type"]) == resource["Type"]


def test_a_load_balancers_target_group_alone_may_call() -> None:
    template = cloudformation(wire("http", BALANCER))
    (granted,) = of_type(template, "AWS::Lambda::Permission").items()
    ((_, group),) = of_type(template, "AWS::ElasticLoadBalancingV2::TargetGroup").items()
    text, values = granted[1]["Properties"]["SourceArn"]["Fn::Sub"]
    assert (text.endswith(":targetgroup/${Name}/*"), values["Name"]) == (True, group["Properties"]["Name"])
    assert group["DependsOn"] == [granted[0]]  # else the target cannot be registered
    alias = {"Ref": "FunctionAliaslive"}
    assert (granted[1]["Properties"]["FunctionName"], group["Properties"]["Targets"]) == (alias, [{"Id": alias}])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("s3", {"prefix": ""}, "results under 'output/' would trigger the function again"),
        ("s3", {"prefix": "out", "output_prefix": "output/"}, "would trigger"),
        ("s3", {"prefix": "in/", "output_prefix": "in/"}, "would trigger"),
        ("s3", {"prefix": "", "suffix": ".json"}, "would trigger"),
        ("s3", {"prefix": "", "bucket": "flowers", "output_bucket": "flowers"}, "would trigger"),
        ("s3", {"prefix": "output/images/"}, "'output/images/' is inside of output_prefix 'output/'"),
        ("s3", {"events": ("s3:ObjectRemoved:*",)}, "expected some of s3:ObjectCreated"),
        ("sns", {"topic": "a topic"}, 'topic: found "a topic", expected 1 to 256 letters'),
        ("sns", {"topic": "rows.fifo"}, "sends those of .fifo topics to queues only"),
        ("sns", {"topic": "arn:aws:sqs:eu-west-1:123456789012:rows"}, "expected the ARN of a topic"),
        ("eventbridge", {"pattern": {}}, "pattern: found an empty one"),
        (
            "eventbridge",
            {"pattern": {"detail": {"kind": "row"}}},
            r"pattern\.detail\.kind: found 'row', expected a list",
        ),
        ("eventbridge", {"pattern": {"source": []}}, r"pattern\.source: found \[\]"),
        ("eventbridge", {"bus": "my bus"}, 'bus: found "my bus", expected 1 to 256'),
        ("eventbridge", {"bus": "arn:aws:sns:eu-west-1:123456789012:rows"}, "expected the ARN of an event bus"),
        ("eventbridge", {"input_path": "detail"}, "expected a path such as"),
        ("schedule", {"expression": "every hour"}, 'expression: found "every hour", expected rate'),
        ("schedule", {"expression": "cron(0 12 * * ?)"}, "six fields"),
        ("schedule", {"expression": "rate(0 minutes)"}, "expression: found"),
        ("schedule", {"timezone": "Berlin"}, 'timezone: found "Berlin", expected one such as Europe/Berlin'),
        ("stepfunctions", {"state_machine_name": "my machine"}, "1 to 80 letters"),
        ("http", {"via": "rest_api", "cors": {}}, 'cors: found some with via = "rest_api", which has none'),
        ("http", {**BALANCER, "cors": {}}, "cors: found some .* attributes of its listener"),
        ("http", {**BALANCER, "auth": "iam"}, 'auth: found "iam" .* expected auth = "none"; .*authenticate-oidc'),
        ("http", {**BALANCER, "listener": None}, 'listener: found "", expected the ARN of a listener'),
        ("http", {**BALANCER, "listener": LISTENER.replace("/app/", "/net/")}, "of an application load balancer"),
        ("http", {**BALANCER, "priority": None}, "priority: found none, expected 1 to 50000"),
        ("http", {**BALANCER, "priority": 0}, "priority: found none"),
        ("http", {**BALANCER, "priority": 50_001}, "priority: found 50001, expected 1 to 50000"),
        *[
            ("http", {**BALANCER, "path": path}, f'path: found "{re.escape(path)}", expected "/\\*" or')
            for path in ("", "/iris", "iris/*", "/*/predict", "/a?/*", "/a*/*", "//*", "/" + "a" * 126 + "/*")
        ],
        *[
            (
                "http",
                {"via": via, option: BALANCER.get(option, "/a/*")},
                f'{option}: found one with via = "{via}"; only',
            )
            for via in ("url", "http_api", "rest_api")
            for option in ("listener", "path", "priority")
        ],
        ("appsync", {"max_batch_size": 2001}, "max_batch_size: found 2001, expected 0 to 2000"),
        ("appsync", {"expires": 1_900_000_000}, 'expires: found one without auth = "api_key"'),
        ("sqs", {"batch_size": 0}, "batch_size: found 0, expected 1 to 10000"),
        ("sqs", {"batch_size": 11}, "maximum_batching_window_in_seconds: found 0, expected at least 1"),
        ("sqs", {"queue": "a.fifo", "batch_size": 11}, "batch_size: found 11, expected 1 to 10"),
        ("sqs", {"maximum_concurrency": 1}, "maximum_concurrency: found 1, expected 2 to 1000"),
        ("sqs", {"visibility_timeout": 50_000}, "visibility_timeout: found 50000, expected 0 to 43200"),
        ("sqs", {"visibility_timeout": 100}, r"visibility_timeout: found 100, expected at least 180 \(6 times"),
        ("sqs", {"output_name": "out.fifo"}, "that must be .fifo too"),
        ("sqs", {"output_name": "out", "output": "none"}, 'output_name: found one with output = "none"'),
        ("sqs", {"queue": "my queue"}, 'queue: found "my queue", expected letters, digits, hyphens and underscores'),
        ("sqs", {"queue": ""}, 'queue: found "", expected letters'),
        ("sqs", {"queue": ".fifo"}, 'queue: found ".fifo", expected letters'),
        ("sqs", {"queue": "rows.fifo.fifo"}, "queue: found"),
        ("sqs", {"queue": "q" * 81}, "queue: a queue would be named q+: 81 characters, SQS takes 80"),
        ("sqs", {"queue": "q" * 68}, "queue: a queue would be named q+-dead-letters: 81 characters, SQS takes 80"),
        ("sqs", {"queue": "q" * 63 + ".fifo"}, r"named q+-dead-letters\.fifo: 81 characters"),
        ("sqs", {"output_name": "a.b"}, 'output_name: found "a.b", expected letters'),
        (
            "sqs",
            {"output": "bucket", "output_name": "Answers"},
            'output_name: found "Answers", expected 3 to 63 lower-case',
        ),
        ("s3", {"bucket": "arn:aws:s3:::flowers"}, "a bucket that exists cannot be given a notification"),
        ("s3", {"maximum_retry_attempts": 3}, "maximum_retry_attempts: found 3, expected 0 to 2"),
        ("s3", {"maximum_event_age_in_seconds": 59}, "expected 60 to 21600"),
        ("s3", {"on_failure": "queue"}, 'on_failure: found "queue", expected the ARN of a queue, a topic, a function'),
        ("s3", {"on_success": "arn:aws:s3:::bucket"}, "on_success: found .* expected the ARN of"),
        ("s3", {"on_failure": "arn:aws:sqs:eu-west-1:123456789012:a.fifo"}, "sends to no .fifo"),
        ("sqs", {"queue": "arn:aws:sns:eu-west-1:123456789012:rows"}, "expected the ARN of a queue"),
        (
            "sqs",
            {"queue": "arn:aws:sqs:eu-west-1:123456789012:rows", "max_receive_count": 3},
            "an existing one has its own",
        ),
        *[
            ("sqs", {"filters": [pattern]}, f"filters: the pattern at 0.*{words}")
            for pattern, words in [
                ("{", "is not JSON"),
                ("[]", r"has \[\], expected an object of fields"),
                ("{}", "expected an object of fields"),
                ('{"body": "iris"}', "field 'body', has \"iris\", expected an object of fields"),
                ('{"body": []}', "empty array"),
                ('{"body": [["iris"]]}', "an array in an array"),
                ('{"body": [{"like": "i"}]}', "expected one of prefix, suffix"),
                ('{"body": [{"prefix": "i", "suffix": "s"}]}', "expected one of prefix, suffix"),
                ('{"body": [{"prefix": 1}]}', "not how prefix is written"),
                ('{"body": [{"numeric": ["~", 1]}]}', "not how numeric is written"),
                ('{"body": [{"exists": "yes"}]}', "not how exists is written"),
                ('{"$or": [{"body": ["iris"]}]}', "an array of two objects or more"),
                (f'{{"body": ["{"x" * 4096}"]}}', "has 4110 characters, expected at most 4096"),
            ]
        ],
        ("sqs", {"filters": ['{"body": ["a"]}'] * 6}, "filters: found 6, expected at most 5"),
        ("kinesis", {"batch_size": 10_001}, "batch_size: found 10001"),
        ("kinesis", {"maximum_batching_window_in_seconds": 301}, "expected 0 to 300"),
        ("kinesis", {"parallelization_factor": 11}, "expected 1 to 10"),
        ("kinesis", {"maximum_retry_attempts": -2}, "expected -1 to 10000"),
        ("kinesis", {"maximum_record_age_in_seconds": 59}, "expected 60 to 604800"),
        ("kinesis", {"on_failure": "arn:aws:lambda:eu-west-1:123456789012:function:f"}, "a queue, a topic, a bucket"),
        ("kinesis", {"starting_position": "AT_TIMESTAMP"}, "starting_position_timestamp: expected with"),
        ("kinesis", {"stream": "my stream"}, 'stream: found "my stream", expected 1 to 128'),
        (
            "kinesis",
            {"stream": "arn:aws:kinesis:eu-west-1:123456789012:stream/rows/consumer/c:1"},
            r"the ARN of a data stream \(not of a consumer\)",
        ),
        (
            "kinesis",
            {"stream": "arn:aws:kinesis:eu-west-1:123456789012:stream/rows", "shard_count": 2},
            "an existing one has its own shards",
        ),
        ("kinesis", {"output_name": "answers.fifo"}, "expected a name without"),
        ("dynamodb", {"table": "ab"}, "expected 3 to 255"),
        ("dynamodb", {"table": "arn:aws:dynamodb:eu-west-1:123456789012:table/rows"}, "the ARN of its stream"),
        ("dynamodb", {"starting_position": "AT_TIMESTAMP"}, "which is not for tables"),
        ("dynamodb", {"events": []}, "events: found none"),
        ("kafka", {"topics": []}, "topics: found 0, expected one"),
        ("kafka", {"topics": ["a", "b"]}, "topics: found 2, expected one"),
        ("kafka", {"cluster": None}, "cluster: found neither"),
        ("kafka", {"bootstrap_servers": ["b:9092"]}, "cluster: found both"),
        ("kafka", {"cluster": "arn:aws:kafka:x"}, "expected the ARN of an MSK cluster"),
        ("kafka", {"authentication": "BASIC_AUTH", "secret": KAFKA_SECRET}, "for MSK expected IAM_AUTH"),
        ("kafka", {"authentication": "SASL_SCRAM_512_AUTH"}, "secret: expected with every"),
        ("kafka", {"secret": KAFKA_SECRET}, "secret: expected with every"),
        ("kafka", {**OWN_KAFKA}, r"expected authentication and a secret, or \[vpc\]"),
        ("kafka", {**OWN_KAFKA, "authentication": "IAM_AUTH"}, "which is for MSK"),
        ("kafka", {**OWN_KAFKA, "bootstrap_servers": ["http://b"]}, "expected a host and a port"),
        ("kafka", {"maximum_retry_attempts": 3}, "for provisioned pollers only; set minimum_pollers"),
        ("kafka", {"minimum_pollers": 3, "maximum_pollers": 2}, "maximum_pollers: found 2, expected 3 to 2000"),
        ("s3", {"bucket": "Flowers"}, 'bucket: found "Flowers", expected 3 to 63 lower-case letters'),
        ("s3", {"bucket": "ab"}, "bucket: found"),
        ("s3", {"bucket": "a" * 64}, "bucket: found"),
        ("s3", {"bucket": "under_score"}, "bucket: found"),
        ("s3", {"bucket": "-flowers"}, "beginning and ending with a letter or digit"),
        ("s3", {"bucket": "flowers."}, "beginning and ending with a letter or digit"),
        ("s3", {"bucket": "flow..ers"}, "two dots side by side"),
        ("s3", {"bucket": "192.168.5.4"}, "no IP address"),
        ("s3", {"bucket": "xn--flowers"}, "does not begin with xn--"),
        ("s3", {"output_bucket": "flowers-s3alias"}, 'output_bucket: found "flowers-s3alias", expected a name that'),
    ],
)
def test_options_that_aws_would_refuse_are_refused_here(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wire(name, options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sqs", {"queue": "q" * 67}),
        ("sqs", {"queue": "q" * 62 + ".fifo"}),
        ("sqs", {"queue": "q" * 67, "output_name": "o" * 80}),
        ("s3", {"bucket": "my.flowers-2"}),
        ("s3", {"bucket": "a" * 63}),
    ],
)
def test_names_that_aws_takes_are_taken(name: str, options: dict[str, Any]) -> None:
    assert wire(name, options).resources


@pytest.mark.parametrize("name", SOURCES)
def test_every_option_is_described(name: str) -> None:
    options = [field for field in dataclasses.fields(SOURCES[name].Trigger) if field.name != "type"]
    assert [field.name for field in options if not field.metadata.get("description")] == []


def problems(*triggers: tuple[str, dict[str, Any]]) -> list[tuple[int, str, str]]:
    """Return what the event sources say of triggers side by side."""
    made = [make(name, **options) for name, options in triggers]
    found = [problem for source in SOURCES.values() if hasattr(source, "check") for problem in source.check(made)]
    return [(problem.at, problem.option, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("one", "other", "option", "message"),
    [
        (("http", {}), ("http", {"auth": "none"}), "", 'found a second trigger of type "http" with via = "url"'),
        (("http", {"via": "rest_api"}), ("http", {"via": "rest_api"}), "", 'type "http" with via = "rest_api"'),
        (("sqs", {"queue": "rows"}), ("sqs", {"queue": "rows"}), "queue", 'the queue "rows" is created by trigger[0]'),
        (("sqs", {"queue": "rows"}), ("sqs", {"output_name": "rows"}), "output_name", 'the queue "rows" is created'),
        (("sqs", {"queue": "rows"}), ("sqs", {"queue": "rows-output"}), "queue", 'the queue "rows-output" is created'),
        (
            ("s3", {"bucket": "flowers"}),
            ("s3", {"bucket": "flowers", "prefix": "b/"}),
            "bucket",
            'the bucket "flowers"',
        ),
        (("s3", {"output_bucket": "out"}), ("s3", {"bucket": "out"}), "bucket", 'the bucket "out" is created by'),
        (
            ("s3", {"bucket": "out"}),
            ("sqs", {"output": "bucket", "output_name": "out"}),
            "output_name",
            "by trigger[0]",
        ),
        (("s3", {}), ("s3", {}), "prefix", "its objects cannot be told from those of trigger[0]"),
        (
            ("s3", {"bucket": "flowers"}),
            ("s3", {"bucket": "leaves", "maximum_retry_attempts": 1}),
            "maximum_retry_attempts",
            "is not what trigger[0] says: a function has one such setting",
        ),
        (
            ("kinesis", {"stream": "a"}),
            ("kinesis", {"stream": "a"}),
            "stream",
            'the stream "a" is created by trigger[0]',
        ),
        (("dynamodb", {"table": "abc"}), ("dynamodb", {"table": "abc"}), "table", 'the table "abc" is created by'),
        (("s3", {}), ("s3", {"prefix": "input/png/", "suffix": ".png"}), "prefix", "its objects cannot be told"),
        (("s3", {}), ("s3", {"bucket": "flowers"}), "prefix", "whose bucket has no name"),
    ],
)
def test_triggers_that_cannot_live_side_by_side_are_refused(
    one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]], option: str, message: str
) -> None:
    ((index, found, said), *_) = [each for each in problems(one, other) if each[1] == option]
    assert (index, found) == (1, option)
    assert message in said


def test_a_trigger_does_not_answer_into_its_own_queue() -> None:
    ((index, option, said),) = problems(("sqs", {"queue": "rows", "output_name": "rows"}))
    assert (index, option) == (0, "output_name")
    assert "created by this trigger itself already" in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("s3", {}), ("s3", {"prefix": "images/"})),
        (("s3", {"suffix": ".png"}), ("s3", {"suffix": ".csv"})),
        (("s3", {"bucket": "flowers"}), ("s3", {})),
        (("s3", {"bucket": "flowers"}), ("s3", {"bucket": "rows"})),
        (("sqs", {}), ("sqs", {})),
        (("sqs", {"queue": "rows"}), ("s3", {"bucket": "rows"})),
        (("http", {}), ("sqs", {})),
    ],
)
def test_triggers_that_can_are_not(one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]) -> None:
    assert problems(one, other) == []


@pytest.mark.parametrize(
    "options",
    [
        {"prefix": "", "suffix": ".png"},
        {"prefix": "", "output_bucket": "other"},
        {"prefix": "", "suffix": ".png", "output_prefix": ""},
        {"prefix": "", "suffix": ".png.json"},
    ],
)
def test_s3_options_whose_results_are_no_triggers_are_taken(options: dict[str, Any]) -> None:
    assert wire("s3", options).events


def _is_kept(resource: Mapping[str, Any]) -> None:
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert resource["Metadata"] == {"slsdeploy": {"data": True}}


def _is_tls_only(template: Mapping[str, Any], type: str, key: str, value: Any) -> None:
    (policy,) = [each for each in of_type(template, type).values() if each["Properties"][key] == value]
    (statement,) = [each for each in policy["Properties"]["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("cors", "message"),
    [
        ({"origins": ["*"]}, 'cors: found "origins", expected some of allow_origins, allow_methods'),
        ({"allow_origins": "*"}, r"cors.allow_origins: found '\*', expected a list of texts"),
        ({"allow_origins": ["www.example.com"]}, 'found "www.example.com", expected an origin as in "https://'),
        ({"allow_origins": ["https://example.com/"]}, "expected an origin"),
        ({"allow_origins": ["https://e.com"] * 101}, "found 101, expected at most 100"),
        ({"allow_methods": ["OPTIONS"]}, 'cors.allow_methods: found "OPTIONS", expected some of GET, PUT'),
        ({"allow_methods": ["GET"] * 7}, "found 7, expected at most 6"),
        ({"allow_headers": [""]}, "found one of 0 characters"),
        ({"max_age": 86_401}, "cors.max_age: found 86401, expected 0 to 86400 seconds"),
        ({"max_age": True}, "cors.max_age: found True"),
        ({"allow_credentials": 1}, "cors.allow_credentials: found 1, expected true or false"),
        ({"allow_credentials": True, "allow_origins": ["*"]}, "which browsers refuse: name the origins"),
    ],
)
def test_cors_settings_that_aws_or_browsers_would_refuse_are_refused_here(cors: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SOURCES["http"].Trigger(cors=cors)


def test_cors_settings_reach_the_function_url() -> None:
    template = cloudformation(wire("http", {"cors": {"allow_origins": ["*"], "max_age": 5}}))
    (url,) = of_type(template, "AWS::Lambda::Url").values()
    assert url["Properties"]["Cors"] == {"AllowOrigins": ["*"], "MaxAge": 5}

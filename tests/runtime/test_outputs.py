"""`[output]`: answers in S3, SQS, SNS, EventBridge and DynamoDB in this process (moto), and what becomes of those that are not taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from importlib import import_module
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer

from slsdeploy import plugins
from slsdeploy_runtime.pushed import EventsFailed
from slsdeploy_runtime.request import BadInput
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Function, Serve, logs, recorded
from tests.runtime.test_sqs import batch, failed

Read = Callable[[], dict[str, Any]]
ARN = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
ANSWER = {"predictions": [[2.0, 4.0]]}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def output(kind: str, **options: Any) -> dict[str, Any]:
    module = import_module(f"slsdeploy_runtime.outputs.{kind}")
    return {"module": module.__name__, "options": asdict(module.Output(**options))}


def queue(name: str, **attributes: str) -> str:
    url: str = client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url


def messages(url: str, unwrap: Callable[[Any], Any] = lambda body: body) -> Iterator[Any]:
    while found := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        yield from (unwrap(json.loads(each["Body"])) for each in found)


def in_queue() -> tuple[dict[str, Any], dict[str, str], Read]:
    url = queue("answers")
    return output("sqs"), {"SLSDEPLOY_OUTPUT_QUEUE_URL": url}, lambda: by_input(messages(url))


def in_existing_queue() -> tuple[dict[str, Any], dict[str, str], Read]:
    url = queue("theirs")
    return output("sqs", queue=ARN.format("sqs", "theirs")), {}, lambda: by_input(messages(url))


def in_bucket() -> tuple[dict[str, Any], dict[str, str], Read]:
    s3 = client("s3")
    s3.create_bucket(Bucket="answers", CreateBucketConfiguration={"LocationConstraint": REGION})

    def read() -> dict[str, Any]:
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket="answers").get("Contents", [])]
        return {
            key.removeprefix("iris/").removesuffix(".json"): json.loads(
                s3.get_object(Bucket="answers", Key=key)["Body"].read()
            )
            for key in keys
        }

    return output("s3", bucket="arn:aws:s3:::answers", prefix="iris/"), {}, read


def in_topic() -> tuple[dict[str, Any], dict[str, str], Read]:
    topic, url = client("sns").create_topic(Name="answers")["TopicArn"], queue("subscriber")
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=ARN.format("sqs", "subscriber"))

    def unwrap(body: Any) -> Any:
        assert list(body["MessageAttributes"]) == ["source"]
        return json.loads(body["Message"])

    return output("sns"), {"SLSDEPLOY_OUTPUT_TOPIC_ARN": topic}, lambda: by_input(messages(url, unwrap))


def on_bus() -> tuple[dict[str, Any], dict[str, str], Read]:
    events, url = client("events"), queue("target")
    events.put_rule(Name="results", EventPattern=json.dumps({"detail-type": ["Inference Result"]}))
    events.put_targets(Rule="results", Targets=[{"Id": "queue", "Arn": ARN.format("sqs", "target")}])

    def unwrap(body: Any) -> Any:
        assert body["source"] == "slsdeploy"
        return body["detail"]

    return output("eventbridge"), {"SLSDEPLOY_OUTPUT_EVENT_BUS": "default"}, lambda: by_input(messages(url, unwrap))


def in_table() -> tuple[dict[str, Any], dict[str, str], Read]:
    client("dynamodb").create_table(
        TableName="answers",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return output("dynamodb"), {"SLSDEPLOY_OUTPUT_TABLE": "answers"}, items


def items() -> dict[str, Any]:
    found = client("dynamodb").scan(TableName="answers")["Items"]
    read = [{name: TypeDeserializer().deserialize(each) for name, each in item.items()} for item in found]
    return {item.pop("id"): item for item in read}


def by_input(found: Iterator[Any]) -> dict[str, Any]:
    """Name answers as their ids would, where the output does not show those."""
    return {f"{each['source']}/{each['message_id']}": each for each in found}


PLACES = [in_queue, in_existing_queue, in_bucket, in_topic, on_bus, in_table]


@pytest.mark.parametrize("place", PLACES)
def test_answers_of_a_batch_go_there_with_what_identifies_their_input(
    aws: None, serve: Serve, place: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, environment, read = place()
    function = serve(events=[bundles.event("sqs")], output=chosen, environment=environment)
    rows = [[index, 0.5] for index in range(60)]
    bodies: list[Any] = [{"instances": [row]} for row in rows]
    bodies[7] = {"instances": "poison"}
    assert failed(function(batch(*bodies))) == ["m7"]
    assert read() == {
        f"sqs/m{index}": {"source": "sqs", "message_id": f"m{index}", "predictions": [[2 * index, 1]]}
        for index in range(60)
        if index != 7
    }
    assert [line["where"] for line in logs(capsys.readouterr().out)] == ["message m7"]


def test_every_output_there_is_was_tried() -> None:
    tried = {"s3": in_bucket, "sqs": in_queue, "sns": in_topic, "eventbridge": on_bus, "dynamodb": in_table}
    assert tried.keys() == plugins.outputs().keys()
    assert set(tried.values()) <= set(PLACES)


@pytest.fixture
def asked(aws: None, serve: Serve) -> Callable[..., Function]:
    """Return a function of these triggers whose answers go to the table."""

    def start(*events: Mapping[str, Any], **bundle: Any) -> Function:
        chosen, environment, _ = in_table()
        return serve(events=list(events), output=chosen, environment=environment, **bundle)

    return start


@pytest.mark.parametrize(
    ("event", "source", "options", "id", "about"),
    [
        (
            "sns_notification",
            "sns",
            {},
            "sns/95df01b4-ee98-5cb9-9903-4c221d41eb5e",
            {
                "message_id": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                "topic": "arn:aws:sns:us-east-2:123456789012:flowers",
            },
        ),
        (
            "eventbridge",
            "eventbridge",
            {"pattern": {"source": ["com.example.flowers"]}},
            "eventbridge/6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            {"id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail_type": "Inference Request"},
        ),
        ("schedule", "schedule", {}, None, None),
    ],
)
def test_what_was_pushed_is_answered_there_and_to_lambda(
    asked: Callable[..., Function], event: str, source: str, options: Any, id: str | None, about: Any
) -> None:
    given = recorded(event)
    answer = asked(bundles.event(source, **options))(given)
    assert answer in (ANSWER, {"answers": [ANSWER]})
    if id is None:
        id, about = f"schedule/{given['id']}", {"id": given["id"], "time": given["time"]}
    (found,) = items().items()
    about.pop("id", None)  # the table's key
    assert found == (id, {**ANSWER, "source": source, **about})


def test_an_object_s_answer_goes_there_and_not_beside_it(asked: Callable[..., Function]) -> None:
    function = asked(bundles.event("s3"), bundles.event("s3", bucket="kept", output="bucket"))
    s3 = client("s3")
    for bucket in ("lambda-artifacts-deafc19498e3f2df", "kept"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key="input/row.json", Body=b'{"instances": [[1, 2]]}')
    assert function(notification("lambda-artifacts-deafc19498e3f2df")) == {"written": [], "skipped": []}
    assert items() == {
        "s3/lambda-artifacts-deafc19498e3f2df/input/row.json": {
            **ANSWER,
            "source": "s3",
            "bucket": "lambda-artifacts-deafc19498e3f2df",
            "key": "input/row.json",
        }
    }


def notification(bucket: str) -> Any:
    event = recorded("s3_put")
    event["Records"][0]["s3"]["bucket"]["name"] = bucket
    event["Records"][0]["s3"]["object"]["key"] = "input/row.json"
    return event


def test_a_trigger_keeps_its_own_place(aws: None, serve: Serve) -> None:
    chosen, environment, read = in_table()
    function = serve(
        events=[bundles.event("sqs", output="queue")],
        output=chosen,
        environment={**environment, "SLSDEPLOY_SQSTRIGGER_OUTPUT_QUEUE_URL": queue("own")},
    )
    assert failed(function(batch({"instances": [[1, 2]]}))) == []
    assert read() == {}
    assert list(messages(client("sqs").get_queue_url(QueueName="own")["QueueUrl"])) == [{**ANSWER, "message_id": "m0"}]


def test_nothing_is_sent_where_a_trigger_says_none(asked: Callable[..., Function]) -> None:
    assert failed(asked(bundles.event("sqs", output="none"))(batch({"instances": [[1, 2]]}))) == []
    assert items() == {}


def test_an_ordered_queue_gets_an_answer_once(aws: None, serve: Serve) -> None:
    url = queue("answers.fifo", FifoQueue="true")
    function = serve(
        events=[bundles.event("sqs")], output=output("sqs"), environment={"SLSDEPLOY_OUTPUT_QUEUE_URL": url}
    )
    event = batch(*({"instances": [[index, 0]]} for index in range(12)))
    event["Records"][3]["messageId"] = "ä" * 200  # is no id for SQS
    assert failed(function(event)) == failed(function(event)) == []
    assert len(list(messages(url))) == 12


@pytest.mark.parametrize("value", [1e-200, -3e300, 0.1, 1e38, 5e-324, 2**63, 0])
def test_a_table_keeps_numbers_as_they_are(asked: Callable[..., Function], value: float) -> None:
    handler = f"def postprocess(outputs):\n    return {{'value': {value!r}, 'nothing': float('nan'), 'yes': True}}\n"
    assert failed(asked(bundles.event("sqs"), handler=handler)(batch({"instances": [[1, 2]]}))) == []
    (found,) = items().values()
    assert (found["nothing"], found["yes"]) == (None, True)
    assert float(found["value"]) == value
    assert isinstance(found["value"], Decimal) == (value == 0 or 1e-130 <= abs(value) < 1e126)


class Refusing:
    """A client of any service whose calls fail."""

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            raise ConnectionError(f"{name} was refused")

        return call


@pytest.mark.parametrize("kind", plugins.outputs())
def test_what_cannot_be_sent_is_a_failure_of_its_record(
    serve: Serve, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(
        events=[bundles.event("sqs"), bundles.event("sns")], output=output(kind), client=lambda service: Refusing()
    )
    assert failed(function(batch({"instances": [[1, 2]]}, {"instances": [[1, 2]]}))) == ["m0", "m1"]
    assert "was refused" in capsys.readouterr().out
    with pytest.raises(ConnectionError):
        function(recorded("sns_notification"))


class Partly:
    """Clients of the services that take a batch but not its second entry."""

    def send_message_batch(self, **call: Any) -> Any:
        return {"Failed": [{"Id": "1", "Code": "Throttled", "SenderFault": False}]}

    publish_batch = send_message_batch

    def put_events(self, Entries: list[Any]) -> Any:
        return {"Entries": [{"EventId": "1"}, {"ErrorCode": "Throttled"}]}

    def batch_write_item(self, RequestItems: Any) -> Any:
        requests = next(iter(RequestItems.values()))
        return {"UnprocessedItems": {"answers": requests[-1:]}}


@pytest.mark.parametrize("kind", ["sqs", "sns", "eventbridge", "dynamodb"])
def test_an_answer_that_is_not_taken_fails_alone(serve: Serve, kind: str) -> None:
    environment = {"SLSDEPLOY_OUTPUT_TABLE": "answers", "SLSDEPLOY_OUTPUT_QUEUE_URL": "url"}
    function = serve(
        events=[bundles.event("sqs")],
        output=output(kind),
        environment=environment,
        client=lambda service: Partly(),
    )
    assert failed(function(batch({"instances": [[1, 2]]}, {"instances": [[1, 2]]}))) == ["m1"]


def test_several_notifications_fail_together(asked: Callable[..., Function]) -> None:
    event = recorded("sns_notification")
    good, bad = event["Records"][0], recorded("sns_notification")["Records"][0]
    bad["Sns"] |= {"Message": "{", "MessageId": "other"}
    function = asked(bundles.event("sns"))
    with pytest.raises(EventsFailed, match="1 of 2 failed"):
        function({"Records": [good, bad]})
    assert [*items()] == ["sns/95df01b4-ee98-5cb9-9903-4c221d41eb5e"]
    with pytest.raises(BadInput):
        function({"Records": [bad]})


@pytest.mark.parametrize(
    ("place", "largest"), [(in_queue, 262_144), (in_topic, 260_000), (on_bus, 250_000), (in_table, 200_000)]
)
def test_what_is_too_large_goes_to_the_bucket_and_its_pointer_goes_there(
    aws: None, serve: Serve, place: Callable[[], Any], largest: int
) -> None:
    chosen, environment, read = place()
    client("s3").create_bucket(Bucket="large", CreateBucketConfiguration={"LocationConstraint": REGION})
    handler = "def postprocess(outputs):\n    return {'text': 'x' * int(outputs['y'][0, 0])}\n"
    function = serve(
        events=[bundles.event("sqs")],
        output=chosen,
        environment={**environment, "SLSDEPLOY_LARGE_ANSWERS": "large"},
        handler=handler,
    )
    assert failed(function(batch({"instances": [[5, 0]]}, {"instances": [[largest, 0]]}))) == []
    found = read()
    assert found["sqs/m0"] == {"source": "sqs", "message_id": "m0", "text": "x" * 10}
    pointer = found["sqs/m1"]
    assert pointer.pop("id", "sqs/m1") == "sqs/m1"
    kept = client("s3").get_object(
        **{{"bucket": "Bucket", "key": "Key"}[name]: value for name, value in pointer.pop("s3").items()}
    )
    body = kept["Body"].read()
    assert pointer == {"source": "sqs", "message_id": "m1", "bytes": len(body)}
    assert json.loads(body)["text"] == "x" * (2 * largest)


def test_what_is_too_large_fails_where_there_is_no_bucket(
    asked: Callable[..., Function], capsys: pytest.CaptureFixture[str]
) -> None:
    function = asked(bundles.event("sqs"), handler="def postprocess(outputs):\n    return 'x' * 300_000\n")
    assert failed(function(batch({"instances": [[1, 2]]}))) == ["m0"]
    assert 'the output takes 200000: deploy with large_answers = \\"s3\\"' in capsys.readouterr().out

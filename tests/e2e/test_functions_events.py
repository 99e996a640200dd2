"""What calls functions by itself: asynchronous invokes, queues and buckets; and where what fails goes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.local_lambda import REGION, Lab, eventually, local_lambda

pytestmark = pytest.mark.e2e

# Takes records, and keeps those that say so from being taken.
BATCH = """
import json
def handler(event, context):
    print("BATCH", json.dumps(event))
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    if any(record["body"] == "crash" for record in event["Records"]):
        raise ValueError("crash")
    return {"batchItemFailures": [{"itemIdentifier": identity} for identity in bad]}
"""
KEEP = "import json\ndef handler(event, context):\n    print('GOT', json.dumps(event))\n"
FAIL = "def handler(event, context):\n    print('TRY', context.aws_request_id)\n    raise ValueError('never')\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    patch = pytest.MonkeyPatch()
    patch.setenv("SLSDEPLOY_LOCAL_RETRY_SECONDS", "0.1,0.2")
    with local_lambda(tmp_path_factory.mktemp("lambda")) as made:
        yield made
    patch.undo()


def queue(lab: Lab, name: str, **attributes: str) -> tuple[str, str]:
    sqs = lab.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def received(lab: Lab, url: str) -> list[dict[str, Any]]:
    answer = lab.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def waiting(lab: Lab, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = lab.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def batches(lab: Lab, function: str) -> list[dict[str, Any]]:
    lines = [line for line in lab.log(f"/aws/lambda/{function}") if line.startswith("BATCH ")]
    return [json.loads(line.removeprefix("BATCH ")) for line in lines]


def test_an_asynchronous_invoke_answers_at_once(lab: Lab) -> None:
    lab.create("later", "import time\n" + KEEP + "    time.sleep(2)\n")
    begun = time.monotonic()
    answer = lab.client("lambda").invoke(FunctionName="later", InvocationType="Event", Payload=b'{"n": 1}')
    assert answer["StatusCode"] == 202
    assert time.monotonic() - begun < 1.5
    assert 'GOT {"n": 1}\n' in eventually(lambda: lab.log("/aws/lambda/later"))


def test_a_failing_event_is_tried_three_times_then_reaches_both_ends(lab: Lab) -> None:
    dead_url, dead_arn = queue(lab, "async-dead")
    failed_url, failed_arn = queue(lab, "async-failed")
    lab.create("fails", FAIL, DeadLetterConfig={"TargetArn": dead_arn})
    lab.client("lambda").put_function_event_invoke_config(
        FunctionName="fails", DestinationConfig={"OnFailure": {"Destination": failed_arn}}
    )
    result = lab.invoke("fails", {"n": 1}, invocation_type="Event")
    dead = eventually(lambda: received(lab, dead_url))[0]
    assert json.loads(dead["Body"]) == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert attributes == {"RequestID": result.request_id, "ErrorCode": "200", "ErrorMessage": "never"}
    record = json.loads(eventually(lambda: received(lab, failed_url))[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"]["functionError"] == "Unhandled"

    def tries() -> list[str]:
        return [line for line in lab.log("/aws/lambda/fails") if line.startswith("TRY")]

    eventually(lambda: len(tries()) >= 3)
    assert tries() == [f"TRY {result.request_id}\n"] * 3


def test_no_retries_when_the_function_says_so(lab: Lab) -> None:
    url, arn = queue(lab, "once")
    lab.create("once", FAIL)
    lab.client("lambda").put_function_event_invoke_config(
        FunctionName="once", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    lab.invoke("once", invocation_type="Event")
    record = json.loads(eventually(lambda: received(lab, url))[0]["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_a_bucket_may_be_told_of_an_event_that_failed(lab: Lab) -> None:
    place = {"LocationConstraint": REGION}
    lab.client("s3").create_bucket(Bucket="failed-events", CreateBucketConfiguration=place)
    lab.create("tells", FAIL)
    lab.client("lambda").put_function_event_invoke_config(
        FunctionName="tells",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failed-events"}},
    )
    lab.invoke("tells", {"n": 1}, invocation_type="Event")
    (item,) = eventually(lambda: lab.client("s3").list_objects_v2(Bucket="failed-events").get("Contents"))
    assert item["Key"].startswith("aws/lambda/async/tells/")
    told = json.loads(lab.client("s3").get_object(Bucket="failed-events", Key=item["Key"])["Body"].read())
    assert (told["requestContext"]["approximateInvokeCount"], told["requestPayload"]) == (2, {"n": 1})


def test_a_success_reaches_its_destination(lab: Lab) -> None:
    url, arn = queue(lab, "succeeded")
    lab.create("succeeds", "def handler(event, context): return {'sum': sum(event)}\n")
    lab.client("lambda").put_function_event_invoke_config(
        FunctionName="succeeds", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    lab.invoke("succeeds", [1, 2], invocation_type="Event")
    record = json.loads(eventually(lambda: received(lab, url))[0]["Body"])
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", {"sum": 3})


def test_messages_arrive_in_the_shape_that_aws_gives_them(lab: Lab) -> None:
    url, arn = queue(lab, "shape")
    lab.create("shape", BATCH)
    lab.client("lambda").create_event_source_mapping(FunctionName="shape", EventSourceArn=arn)
    lab.functions.changed()
    sent = lab.client("sqs").send_message(
        QueueUrl=url, MessageBody="héllo", MessageAttributes={"a": {"DataType": "String", "StringValue": "1"}}
    )
    (record,) = eventually(lambda: batches(lab, "shape"))[0]["Records"]
    receipt, attributes = record.pop("receiptHandle"), record.pop("attributes")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "héllo",
        "messageAttributes": {
            "a": {"stringListValues": [], "binaryListValues": [], "dataType": "String", "stringValue": "1"}
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": hashlib.md5("héllo".encode()).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
    assert receipt
    assert attributes["ApproximateReceiveCount"] == "1"
    assert set(attributes) == {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp")
    }
    eventually(lambda: waiting(lab, url) == 0)


def test_a_poison_message_fails_alone_and_ends_in_the_dead_letter_queue(lab: Lab) -> None:
    dead_url, dead_arn = queue(lab, "poison-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = queue(lab, "poison", VisibilityTimeout="1", RedrivePolicy=redrive)
    lab.create("poison", BATCH, Timeout=1)
    lab.client("lambda").create_event_source_mapping(
        FunctionName="poison", EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"], BatchSize=10
    )
    entries = [{"Id": str(n), "MessageBody": "bad" if n == 4 else f"good {n}"} for n in range(10)]
    lab.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    lab.functions.changed()
    dead = eventually(lambda: received(lab, dead_url))
    assert [message["Body"] for message in dead] == ["bad"]
    assert waiting(lab, url) == 0

    def seen() -> list[str]:
        return sorted(record["body"] for batch in batches(lab, "poison") for record in batch["Records"])

    eventually(lambda: len(seen()) >= 11)
    assert seen() == sorted(["bad", "bad", *(f"good {n}" for n in range(10) if n != 4)])


def test_a_batch_that_crashes_comes_again_whole(lab: Lab) -> None:
    dead_url, dead_arn = queue(lab, "crash-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = queue(lab, "crash", VisibilityTimeout="1", RedrivePolicy=redrive)
    lab.create("crash", BATCH, Timeout=1)
    for body in ("crash", "good"):
        lab.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    lab.client("lambda").create_event_source_mapping(FunctionName="crash", EventSourceArn=arn)
    lab.functions.changed()
    bodies: set[str] = set()

    def both() -> bool:
        bodies.update(message["Body"] for message in received(lab, dead_url))
        return bodies == {"crash", "good"}

    eventually(both)


def test_a_batching_window_gathers_and_a_filter_sorts_out(lab: Lab) -> None:
    url, arn = queue(lab, "window")
    lab.create("window", BATCH)
    lab.client("lambda").create_event_source_mapping(
        FunctionName="window",
        EventSourceArn=arn,
        BatchSize=5,
        MaximumBatchingWindowInSeconds=5,
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["wanted"]}})}]},
    )
    lab.functions.changed()
    for number in range(5):
        lab.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "wanted", "n": number}))
        lab.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "other", "n": number}))
    (batch,) = eventually(lambda: batches(lab, "window"))
    assert [json.loads(record["body"])["n"] for record in batch["Records"]] == [0, 1, 2, 3, 4]
    eventually(lambda: waiting(lab, url) == 0)


def test_every_message_of_many_is_taken_exactly_once(lab: Lab) -> None:
    url, arn = queue(lab, "load")
    lab.create("load", BATCH)
    lab.client("lambda").create_event_source_mapping(FunctionName="load", EventSourceArn=arn)
    lab.functions.changed()
    for start in range(0, 300, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        lab.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    eventually(lambda: waiting(lab, url) == 0, 30)

    def seen() -> list[int]:
        return sorted(int(record["body"]) for batch in batches(lab, "load") for record in batch["Records"])

    eventually(lambda: len(seen()) >= 300)
    assert seen() == list(range(300))


def test_a_disabled_mapping_and_a_deleted_one_poll_no_more(lab: Lab) -> None:
    url, arn = queue(lab, "off")
    lab.create("off", BATCH)
    mapping = lab.client("lambda").create_event_source_mapping(FunctionName="off", EventSourceArn=arn, Enabled=False)
    lab.functions.changed()
    lab.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    time.sleep(1)
    assert waiting(lab, url) == 1
    lab.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    lab.functions.changed()
    eventually(lambda: waiting(lab, url) == 0)
    lab.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
    lab.functions.changed()
    lab.client("sqs").send_message(QueueUrl=url, MessageBody="y")
    time.sleep(1)
    assert waiting(lab, url) == 1


def test_an_object_in_a_bucket_reaches_the_function(lab: Lab) -> None:
    arn = lab.create("on-object", KEEP)
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="incoming", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="incoming",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "input/"}]}},
                }
            ]
        },
    )
    s3.put_object(Bucket="incoming", Key="other/x", Body=b"no")
    s3.put_object(Bucket="incoming", Key="input/a b.png", Body=b"yes")
    lines = eventually(lambda: [line for line in lab.log("/aws/lambda/on-object") if line.startswith("GOT")])
    (line,) = lines
    (record,) = json.loads(line.removeprefix("GOT "))["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["bucket"]["name"] == "incoming"
    assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("input/a+b.png", 3)
    assert {"userIdentity", "requestParameters", "responseElements", "awsRegion"} <= set(record)
    assert record["s3"]["object"]["sequencer"]


def test_a_topic_reaches_the_function_that_lets_it_in(lab: Lab) -> None:
    arn = lab.create("on-topic", KEEP)
    sns = lab.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="not allowed")
    lab.client("lambda").add_permission(
        FunctionName="on-topic",
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sent = sns.publish(TopicArn=topic, Message="hello")
    lines = eventually(lambda: [line for line in lab.log("/aws/lambda/on-topic") if line.startswith("GOT")])
    ((record,),) = [json.loads(line.removeprefix("GOT "))["Records"] for line in lines]
    message = record["Sns"]
    assert (record["EventSource"], message["TopicArn"], message["Message"]) == ("aws:sns", topic, "hello")
    assert (message["MessageId"], message["Subject"], message["MessageAttributes"]) == (sent["MessageId"], None, {})


def test_a_rule_reaches_the_function_with_its_own_input(lab: Lab) -> None:
    arn = lab.create("on-rule", KEEP)
    events = lab.client("events")
    rule = events.put_rule(Name="rule", EventPattern='{"source": ["me"]}')["RuleArn"]
    events.put_targets(
        Rule="rule",
        Targets=[
            {"Id": "whole", "Arn": arn},
            {"Id": "constant", "Arn": arn, "Input": '{"constant": 1}'},
            {"Id": "path", "Arn": arn, "InputPath": "$.detail.inner"},
            {
                "Id": "template",
                "Arn": arn,
                "InputTransformer": {"InputPathsMap": {"n": "$.detail.inner.n"}, "InputTemplate": '{"made": <n>}'},
            },
        ],
    )
    lab.client("lambda").add_permission(
        FunctionName="on-rule",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    put = [{"Source": source, "DetailType": "test", "Detail": '{"inner": {"n": 5}}'} for source in ("me", "you")]
    (mine, _) = events.put_events(Entries=put)["Entries"]

    def got() -> list[Any]:
        lines = [line for line in lab.log("/aws/lambda/on-rule") if line.startswith("GOT")]
        return [json.loads(line.removeprefix("GOT ")) for line in lines]

    eventually(lambda: len(got()) == 4)
    (whole,) = [event for event in got() if "source" in event]
    assert all(event in got() for event in ({"constant": 1}, {"n": 5}, {"made": 5}))
    assert (whole["id"], whole["detail-type"], whole["detail"]) == (mine["EventId"], "test", {"inner": {"n": 5}})
    assert set(whole) == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    }
    assert whole["time"].endswith("Z")

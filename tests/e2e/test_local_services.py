"""The local AWS answers the plain `aws` command line and boto3, and nobody else."""

from __future__ import annotations

import json
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import LocalAws

pytestmark = pytest.mark.e2e


def test_the_command_line_copies_objects(local_aws: LocalAws, tmp_path: Path) -> None:
    bucket = local_aws.name("bucket")
    source, back = tmp_path / "in put.txt", tmp_path / "back.txt"
    source.write_bytes(b"hello" * 100_000)
    local_aws.client("s3").create_bucket(Bucket=bucket)
    local_aws.cli("s3", "cp", str(source), f"s3://{bucket}/input/a b+c.txt")
    listed = local_aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in listed] == ["input/a b+c.txt"]
    local_aws.cli("s3", "cp", f"s3://{bucket}/input/a b+c.txt", str(back))
    assert back.read_bytes() == source.read_bytes()


def test_the_command_line_sends_messages(local_aws: LocalAws) -> None:
    # Version 1 of the command line overrides AWS_ENDPOINT_URL for SQS (awscli/customizations/overridesslcommonname.py).
    sqs = ("--endpoint-url", local_aws.endpoint, "sqs")
    queue = local_aws.client("sqs").create_queue(QueueName=local_aws.name("queue"))["QueueUrl"]
    local_aws.cli(*sqs, "send-message", "--queue-url", queue, "--message-body", "hello")
    received = json.loads(local_aws.cli(*sqs, "receive-message", "--queue-url", queue))
    assert received["Messages"][0]["Body"] == "hello"


def test_the_command_line_deploys_and_shows_events(local_aws: LocalAws, tmp_path: Path) -> None:
    stack = local_aws.name()
    template = tmp_path / "template.yaml"
    template.write_text(
        """
Parameters:
  Seconds: {Type: Number}
Conditions:
  IsLong: !Not [!Equals [!Ref Seconds, "1"]]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Condition: IsLong
    Properties:
      QueueName: !Sub "${AWS::StackName}-q"
      VisibilityTimeout: !Ref Seconds
Outputs:
  Name: {Value: !GetAtt Queue.QueueName}
"""
    )
    words = ("cloudformation", "deploy", "--stack-name", stack, "--template-file", str(template), "--tags", "a=b")
    local_aws.cli(*words, "--parameter-overrides", "Seconds=77")
    assert "No changes to deploy" in local_aws.cli(*words, "--no-fail-on-empty-changeset")
    events = json.loads(local_aws.cli("cloudformation", "describe-stack-events", "--stack-name", stack))["StackEvents"]
    assert (
        next(event["ResourceStatus"] for event in events if event["LogicalResourceId"] == "Queue") == "CREATE_COMPLETE"
    )
    described = local_aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    assert described["Outputs"] == [{"OutputKey": "Name", "OutputValue": f"{stack}-q"}]
    assert described["Tags"] == [{"Key": "a", "Value": "b"}]


def test_the_command_line_reads_logs(local_aws: LocalAws) -> None:
    group = local_aws.name("/aws/lambda/fn")
    logs = local_aws.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    line = {"timestamp": int(time.time() * 1000), "message": "a line of the log"}
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[line])
    # `aws logs tail`, which only version 2 of the command line has, calls FilterLogEvents.
    assert "a line of the log" in local_aws.cli("logs", "filter-log-events", "--log-group-name", group)


def test_a_bucket_in_the_host_is_the_one_in_the_path(local_aws: LocalAws) -> None:
    bucket = local_aws.name("bucket")
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    headers = {"Host": f"{bucket}.localhost", "Content-Type": "text/plain", "Authorization": signed("s3")}
    put = urllib.request.Request(f"{local_aws.endpoint}/folder/key", data=b"1", method="PUT", headers=headers)
    urllib.request.urlopen(put, timeout=10).close()
    assert s3.get_object(Bucket=bucket, Key="folder/key")["Body"].read() == b"1"


def test_boto3_puts_the_bucket_in_the_path(local_aws: LocalAws) -> None:
    url = local_aws.client("s3").generate_presigned_url("get_object", Params={"Bucket": "some-bucket", "Key": "k"})
    assert url.startswith(f"{local_aws.endpoint}/some-bucket/k?")


def test_a_presigned_url_works_unsigned(local_aws: LocalAws) -> None:
    s3 = local_aws.client("s3")
    bucket = local_aws.name("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"presigned")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert urllib.request.urlopen(url, timeout=10).read() == b"presigned"


def test_an_unknown_function_is_not_found(local_aws: LocalAws) -> None:
    functions = local_aws.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
        functions.invoke(FunctionName="nobody")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_url_config(FunctionName="nobody")


def test_what_is_not_emulated_says_so(local_aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="does not emulate cloudformation:DetectStackDrift"):
        local_aws.client("cloudformation").detect_stack_drift(StackName="any")


def signed(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


CREATE = "Action=CreateStack&Version=2010-05-15&StackName=evil&TemplateBody="
CREATE += quote(json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
FORMATION = "X-Amz-Credential=a/20250101/us-east-1/cloudformation/aws4_request"
S3 = "X-Amz-Credential=a/20250101/us-east-1/s3/aws4_request&X-Amz-Signature=0"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", f"/?{CREATE}&{FORMATION}", {}, None),
        ("GET", f"/?{CREATE}&{FORMATION}", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, None),
        ("POST", f"/?{FORMATION}", {**FORM, "Origin": "null"}, CREATE),
        ("POST", f"/?{S3}", FORM, CREATE),
        ("POST", "/", FORM, CREATE),
        ("POST", "/moto-api/reset", {}, ""),
        ("POST", f"/moto-api/reset?{S3}", {}, ""),
        ("GET", "/evil-queue?Action=SendMessage&MessageBody=x", {}, None),
        ("POST", "/evil-bucket", {"Content-Type": "text/plain"}, "x"),
        ("PUT", "/evil-bucket", {}, ""),
        ("OPTIONS", "/", {"Origin": "https://evil.example", "Access-Control-Request-Headers": "authorization"}, None),
        ("GET", "/_slsdeploy/status", {"Host": "evil.example"}, None),
        ("GET", "/_slsdeploy/status", {"Host": "evil.s3.amazonaws.com"}, None),
        ("GET", "/_slsdeploy/status", {"Origin": "https://evil.example"}, None),
        ("GET", "/", {"Host": "evil.example", "Authorization": signed("s3")}, None),
        ("GET", "/", {"Sec-Fetch-Site": "same-origin", "Authorization": signed("s3")}, None),
        ("GET", f"/?{CREATE}", {"Authorization": "Basic QVdTNDo="}, None),
    ],
)
def test_web_pages_are_kept_out(
    local_aws: LocalAws, method: str, target: str, headers: dict[str, str], body: str | None
) -> None:
    connection = HTTPConnection(urlsplit(local_aws.endpoint).netloc, timeout=10)
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert b"the local AWS" in answer.read()
    connection.close()
    names = [stack["StackName"] for stack in local_aws.client("cloudformation").describe_stacks()["Stacks"]]
    assert "evil" not in names


def test_a_presigned_request_reaches_nothing_but_s3(local_aws: LocalAws) -> None:
    queue = local_aws.client("sqs").create_queue(QueueName=local_aws.name("queue"))["QueueUrl"]
    name = queue.rpartition("/")[2]
    for path in (f"/sqs_us-east-1/123456789012/{name}", f"/123456789012/{name}"):
        connection = HTTPConnection(urlsplit(local_aws.endpoint).netloc, timeout=10)
        connection.request("GET", f"{path}?Action=SendMessage&MessageBody=x&{S3}")
        assert connection.getresponse().status == 404
        connection.close()
    counted = local_aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == "0"


def test_a_query_string_is_no_form(local_aws: LocalAws) -> None:
    connection = HTTPConnection(urlsplit(local_aws.endpoint).netloc, timeout=10)
    connection.request("POST", f"/?{CREATE}", "", {**FORM, "Authorization": signed("cloudformation")})
    answer = connection.getresponse()
    assert answer.status == 400 and b"InvalidAction" in answer.read()
    connection.close()

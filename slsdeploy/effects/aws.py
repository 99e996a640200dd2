"""An AWS account and region, real or local: the only boto3. Errors of botocore become ours here, once.

The clients are botocore's, which are boto3's too; boto3 itself doubles the import time and is needed only to upload.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.session import Session

from slsdeploy.effects import data, stacks
from slsdeploy.errors import AwsError, ToolError
from slsdeploy.tools import Invocation, LogLine, StackEvent, Task
from slsdeploy.types import Object, Observed, StackState, Template

DEFAULT_REGION = "us-east-1"
ONE_PART = 8 * 1024 * 1024  # bytes; what boto3 sends in one request
NOT_FOUND = frozenset({"404", "NoSuchBucket", "ResourceNotFoundException", "NotFound"})

_TOO_LARGE = "Lambda takes events of 6 MB; put more into S3, and use a trigger of type s3"
_EXPIRED = "sign in again: the credentials have expired"
_HINTS = {
    "RequestTooLargeException": _TOO_LARGE,
    "RequestEntityTooLargeException": _TOO_LARGE,
    "InvalidRequestContentException": "the event must be JSON",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": "look at the credentials: AWS does not know them",
}


class Aws:
    """Implements `tools.Cloud` with boto3.

    `endpoint` is the local AWS's URL, None for the real one. `on_call` is told every call by its name ("s3:PutObject").
    """

    def __init__(
        self, region: str | None, endpoint: str | None = None, on_call: Callable[[str], None] | None = None
    ) -> None:
        self._session = Session()
        self.region: str = (
            region or os.environ.get("AWS_REGION") or self._session.get_config_variable("region") or DEFAULT_REGION
        )
        self.endpoint = endpoint or ""
        self._clients: dict[str, Any] = {}
        if endpoint:
            self._session.set_credentials("local", "local")
        if on_call:
            self._session.register("before-call.*", lambda model, **_: on_call(_name(model)))

    def client(self, service: str) -> Any:
        """Return the client of a service, made once."""
        if service not in self._clients:
            # An invoke may take Lambda's whole 15 minutes and must not be sent twice.
            retries = {"max_attempts": 0} if service == "lambda" else {"mode": "standard", "max_attempts": 5}
            settings = Config(
                retries=retries,
                read_timeout=910,
                connect_timeout=10,
                s3={"addressing_style": "path"} if self.endpoint else {},
            )
            self._clients[service] = Client(
                self._session.create_client(service, self.region, endpoint_url=self.endpoint or None, config=settings),
                self.endpoint,
            )
        return self._clients[service]

    def observe(self, stack: str) -> Observed:
        """Read what the plan needs to know; waits for a stack that is in the middle of something."""
        state = stacks.settled(self.client("cloudformation"), stack)
        # A stack's id names its account: one call less when there is one.
        account = state.id.split(":")[4] if state else self.client("sts").get_caller_identity()["Account"]
        bucket = f"slsdeploy-{account}-{self.region}"
        keys = self._keys(bucket, account, f"{stack}/")
        return Observed(
            account=account,
            region=self.region,
            bucket=bucket,
            has_bucket=bool(keys) or (keys is not None and self._is_protected(bucket)),
            objects=frozenset(keys or ()),
            stack=state,
        )

    def _is_protected(self, bucket: str) -> bool:
        """Say whether a bucket without archives has the policy, which is set last: creating it may have been interrupted."""
        try:
            self.client("s3").get_bucket_policy(Bucket=bucket)
        except AwsError as refused:
            return refused.code != "NoSuchBucketPolicy"
        return True

    def create_bucket(self, bucket: str) -> None:
        """Create the artifact bucket: private, encrypted, TLS only."""
        s3 = self.client("s3")
        place = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        try:
            s3.create_bucket(Bucket=bucket, **place)
        except AwsError as refused:
            if refused.code != "BucketAlreadyOwnedByYou":  # begun before, and not finished
                raise
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                key: True
                for key in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
            },
        )
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_tls_only(bucket)))

    def upload(self, item: Object, task: Task) -> None:
        """Put a file into the artifact bucket; it appears there only when all of it has arrived."""
        owner = {"ExpectedBucketOwner": item.bucket.split("-")[1]}
        if item.bytes < ONE_PART:
            self.client("s3").put_object(Bucket=item.bucket, Key=item.key, Body=item.path.read_bytes(), **owner)
            task.advance(item.bytes)
        else:
            self.client("s3").upload_parts(item, owner, task.advance)

    def deploy_stack(self, template: Template, is_new: bool) -> Iterator[StackEvent]:
        """Create and execute a change set; yield the stack's events until it is done."""
        return stacks.deploy(self.client("cloudformation"), template, is_new)

    def delete_stack(self, stack: str) -> Iterator[StackEvent]:
        """Delete a stack; yield its events until it is gone."""
        return stacks.delete(self.client("cloudformation"), stack)

    def stack_state(self, stack: str) -> StackState | None:
        """Return the stack as it is, None when there is none."""
        return stacks.describe(self.client("cloudformation"), stack)

    def data_resources(self, stack: StackState) -> dict[str, tuple[str, str]]:
        """Return the resources that hold the user's data: logical id -> (type, physical id)."""
        return data.resources(self.client("cloudformation"), stack)

    def release(self, type: str, physical_id: str, delete_data: bool) -> bool:
        """Delete a bucket or queue that is empty, or whatever is in it when told so; say whether it was deleted."""
        return data.release(self.client("s3" if "S3" in type else "sqs"), type, physical_id, delete_data)

    def delete_objects(self, bucket: str, keys: frozenset[str]) -> None:
        """Remove archives from the artifact bucket."""
        for key in sorted(keys):
            self.client("s3").delete_object(Bucket=bucket, Key=key)

    def version(self, function: str, alias: str) -> str:
        """Return the version that an alias points to, "" when there is none."""
        try:
            return str(self.client("lambda").get_alias(FunctionName=function, Name=alias)["FunctionVersion"])
        except AwsError as refused:
            if refused.code in NOT_FOUND:
                return ""
            raise

    def invoke(self, function: str, qualifier: str, payload: bytes) -> Invocation:
        """Send one event and wait for the answer."""
        began = time.perf_counter()
        answer = self.client("lambda").invoke(
            FunctionName=function, Qualifier=qualifier, Payload=payload, LogType="Tail"
        )
        took = (time.perf_counter() - began) * 1000
        report = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
        return Invocation(
            status_code=answer["StatusCode"],
            payload=answer["Payload"].read(),
            function_error=answer.get("FunctionError", ""),
            duration_ms=_reported(r"\tDuration: ([\d.]+) ms", report) or took,
            init_ms=_reported(r"\tInit Duration: ([\d.]+) ms", report),
            version=answer.get("ExecutedVersion", ""),
        )

    def sign(self, url: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers that make a POST to a Function URL this account's own (SigV4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=headers)
        SigV4Auth(self._session.get_credentials(), "lambda", self.region).add_auth(request)
        return dict(request.headers)

    def logs(self, function: str, since_ms: int, follow: bool) -> Iterator[LogLine]:
        """Yield the function's log events since a time (ms since the epoch); go on as they come when told to follow."""
        client, seen = self.client("logs"), set[str]()
        group, start = f"/aws/lambda/{function}", since_ms
        while True:
            for page in client.pages("filter_log_events", logGroupName=group, startTime=start):
                for event in page["events"]:
                    if event["eventId"] not in seen:
                        seen.add(event["eventId"])
                        start = max(start, event["timestamp"])
                        yield LogLine(event["timestamp"], event["logStreamName"], event["message"].rstrip("\n"))
            if not follow:
                return
            time.sleep(1)

    def _keys(self, bucket: str, account: str, prefix: str) -> list[str] | None:
        try:
            pages = self.client("s3").pages(
                "list_objects_v2", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=account
            )
            return [item["Key"] for page in pages for item in page.get("Contents", ())]
        except AwsError as refused:
            if refused.code in NOT_FOUND:
                return None
            raise


class Client:
    """A boto3 client whose refusals are ours."""

    def __init__(self, client: Any, endpoint: str | None) -> None:
        self._client = client
        self._endpoint = endpoint

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except (ClientError, BotoCoreError) as error:
                raise self._translate(error) from error

        return call

    def upload_parts(self, item: Object, extra: dict[str, str], advance: Callable[[int], None]) -> None:
        """Upload a large file in parts, several at a time."""
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import S3Transfer

        try:
            S3Transfer(self._client).upload_file(
                str(item.path), item.bucket, item.key, callback=advance, extra_args=extra
            )
        except S3UploadFailedError as failed:
            cause = failed.__context__  # what the transfer was told
            raise self._translate(cause if isinstance(cause, ClientError | BotoCoreError) else failed) from failed

    def pages(self, operation: str, **kwargs: Any) -> Iterator[Any]:
        """Yield every page of a listing."""
        try:
            yield from self._client.get_paginator(operation).paginate(**kwargs)
        except (ClientError, BotoCoreError) as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> AwsError | ToolError:
        if isinstance(error, ClientError):
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            where = f"{self._client.meta.service_model.service_name}:{error.operation_name}"
            hint = f"allow {where} to whoever deploys" if "AccessDenied" in code else _hint(code, str(error))
            return AwsError(f"AWS refused {where}: {said.get('Message', error)}", hint=hint, where=where, code=code)
        if isinstance(error, ConnectionError | HTTPClientError) and self._endpoint:
            return ToolError(
                "the local AWS has gone away",
                hint="run the same command again: it starts a new one (what was deployed to the old one is gone with it)",
                where=self._endpoint,
            )
        if isinstance(error, NoCredentialsError):
            return AwsError(
                "there are no AWS credentials here",
                hint="run `aws configure` or `aws sso login`, or deploy with --local",
            )
        if isinstance(error, NoRegionError):
            return AwsError("there is no AWS region here", hint='set `region = "..."` in slsdeploy.toml, or AWS_REGION')
        return AwsError(
            f"the call to AWS failed: {error}",
            hint="check the connection and the credentials, then run the command again",
        )


def _hint(code: str, message: str) -> str:
    """Say what to do about a refusal that its message leaves open."""
    if "ROLLBACK_FAILED" in message:
        return "an update could be neither made nor undone: `aws cloudformation continue-update-rollback`, or `slsdeploy down`"
    if "IN_PROGRESS" in message:
        return "somebody else deploys it; run the command again when that is done"
    return _HINTS.get(code, "")


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}:{model.name}"


def _reported(pattern: str, report: str) -> float | None:
    found = re.search(pattern, report)
    return float(found[1]) if found else None


def _tls_only(bucket: str) -> dict[str, Any]:
    arn = f"arn:aws:s3:::{bucket}"
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}

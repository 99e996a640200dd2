"""An AWS account and region, real or local: the only module that calls AWS (what botocore refuses becomes ours in client.py).

The clients are botocore's, which are boto3's too; boto3 itself doubles the import time and is needed only to upload.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from slsdeploy.artifacts import Object, Observed, StackState, Template
from slsdeploy.effects import data, objects, remote_zip, repositories, shared_layers, stacks
from slsdeploy.effects.client import Client, name_of, reader, translated
from slsdeploy.errors import AwsError
from slsdeploy.layers import FOLDER, Published, SharedLayer, key_of
from slsdeploy.layers import held as held_by
from slsdeploy.layers import read as read_layer
from slsdeploy.targets.image import NAMESPACE
from slsdeploy.tools import Invocation, LogLine, StackEvent, Task
from slsdeploy.types import S3Object
from slsdeploy_runtime.resources import tls_only

LOCAL_REGION = "us-east-1"  # of the local AWS, when nobody names one
LATE_MS = 30_000
ONE_PART = 8 * 1024 * 1024  # bytes; what boto3 sends in one request
NOT_FOUND = frozenset({"404", "NoSuchBucket", "ResourceNotFoundException", "NotFound"})


class Aws:
    """Implements `tools.Cloud` with boto3.

    `endpoint` is the local AWS's URL, None for the real one. `on_call` is told every call by its name ("s3:PutObject").
    """

    def __init__(
        self, region: str | None, endpoint: str | None = None, on_call: Callable[[str], None] | None = None
    ) -> None:
        self.endpoint = endpoint or ""
        self._account = ""
        self._clients: dict[tuple[str, bool], Client] = {}
        # the user's profiles, and their region, are for the real AWS
        self._session = Session({"profile": (None, None, None, None)} if endpoint else None)
        self.region: str = region or (LOCAL_REGION if endpoint else self._configured_region())
        if endpoint:
            self._session.set_credentials("local", "local")
        with translated(self.endpoint):  # before anything is built in vain
            if self._session.get_credentials() is None:
                raise NoCredentialsError
        if on_call:
            self._session.register("before-call.*", lambda model, **_: on_call(name_of(model)))

    def _configured_region(self) -> str:
        with translated(self.endpoint):
            found = os.environ.get("AWS_REGION") or self._session.get_config_variable("region")
        if not found:
            raise AwsError("there is no AWS region here", hint='set `region = "..."` in slsdeploy.toml, or AWS_REGION')
        return str(found)

    def client(self, service: str, retries: bool = False) -> Any:
        """Return the client of a service, made once; that of Lambda makes no call again unless told so, as it must not when it invokes."""
        if (service, retries) not in self._clients:
            # An invoke may take Lambda's whole 15 minutes and must not be sent twice; a local AWS that is gone stays gone.
            is_once = self.endpoint or (service == "lambda" and not retries)
            settings = Config(
                retries={"max_attempts": 0} if is_once else {"mode": "standard", "max_attempts": 5},
                read_timeout=910,
                connect_timeout=10,
                s3={"addressing_style": "path"} if self.endpoint else {},
            )
            with translated(self.endpoint):
                made = self._session.create_client(
                    service, self.region, endpoint_url=self.endpoint or None, config=settings
                )
            self._clients[service, retries] = Client(made, self.endpoint)
        return self._clients[service, retries]

    def observe(self, stack: str, images: bool = False, layers: Sequence[SharedLayer] = ()) -> Observed:
        """Read what the plan needs to know; waits for a stack that is in the middle of something."""
        state = stacks.settled(self.client("cloudformation"), stack)
        # A stack's id names its account: one call less when there is one.
        if state:
            self._account = state.id.split(":")[4]
        bucket = f"slsdeploy-{self.account}-{self.region}"
        keys = self._keys(bucket, f"{stack}/")
        return Observed(
            region=self.region,
            bucket=bucket,
            has_bucket=bool(keys) or (keys is not None and self._is_protected(bucket)),
            objects=frozenset(keys or ()),
            stack=state,
            registry=self._registry,
            images=repositories.digests(self.client("ecr"), f"{NAMESPACE}/{stack}") if images else None,
            layers=self._published(layers, bucket if keys is not None else "", state),
        )

    def _published(self, layers: Sequence[SharedLayer], bucket: str, state: StackState | None) -> dict[str, Published]:
        """Say what there is of each layer; whether its zip is in the bucket, only where that matters.

        The versions that the stack has are as they were when it got them; others are asked for their content.
        """
        client = self.client("lambda", retries=True)
        found = shared_layers.numbers(client, [layer.name for layer in layers])
        held = held_by(state.template or {}, state.parameters) if state else {}

        def look(layer: SharedLayer) -> Published:
            there, mine = found[layer.name], held.get(layer.name)
            if mine in there:
                return Published((mine,))
            is_needed = bucket and not layer.is_direct and not there
            return Published(
                shared_layers.same(client, layer, there), bool(is_needed and self.find_object(bucket, layer.key))
            )

        return {layer.name: look(layer) for layer in layers}

    def publish_layer(self, layer: SharedLayer, bucket: str, stack: str, task: Task) -> int:
        """Publish a version of a shared layer; return its number."""
        number = shared_layers.publish(self.client("lambda", retries=True), layer, bucket, stack)
        task.advance(layer.bytes)
        return number

    def layer_size(self, arn: str) -> int:
        """Return how many bytes a version of a layer, anybody's, has unzipped."""
        name, _, number = arn.rpartition(":")
        found = self.client("lambda", retries=True).get_layer_version(LayerName=name, VersionNumber=int(number))[
            "Content"
        ]
        return remote_zip.unzipped_size(reader(found["Location"]), found["CodeSize"])

    def layers_of(self, stack: str) -> frozenset[str]:
        """Return the shared layers' versions that a stack's function uses, in any version of it, or that were published for it."""
        return shared_layers.of_stack(self.client("lambda", retries=True), stack)

    def remove_layers(self, arns: frozenset[str], bucket: str) -> dict[str, str]:
        """Delete those that no function uses, and their zips; return the others, each with a function that does."""
        client = self.client("lambda", retries=True)
        kept = shared_layers.remove(client, arns)
        names = {found[0] for arn in arns - kept.keys() if (found := read_layer(arn))}
        left = shared_layers.numbers(client, sorted(names))
        keys = frozenset(key_of(name) for name in names if not left[name])
        if keys and self._keys(bucket, f"{FOLDER}/"):
            self.delete_objects(bucket, keys)
        return kept

    @property
    def _registry(self) -> str:
        """The host of the account's registry: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html."""
        if self.endpoint:
            return self.endpoint.partition("://")[2]
        suffix = ".cn" if self._session.get_partition_for_region(self.region) == "aws-cn" else ""
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com{suffix}"

    def create_repository(self, repository: str) -> None:
        """Create a repository of images, which Lambda may pull from."""
        repositories.create(self.client("ecr"), repository)

    def registry_credentials(self) -> tuple[str, str]:
        """Return user and password for the registries of the region."""
        return repositories.credentials(self.client("ecr"))

    def delete_repository(self, repository: str) -> None:
        """Delete a repository of images with all that is in it."""
        repositories.delete(self.client("ecr"), repository)

    @property
    def account(self) -> str:
        """The account's number, asked for once."""
        if not self._account:
            self._account = self.client("sts").get_caller_identity()["Account"]
        return self._account

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
        # Private and encrypted it is by itself: https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
        # An upload that was cut off would be kept, and paid for, unseen.
        cut_off = {"ID": "cut-off", "Status": "Enabled", "Filter": {"Prefix": ""}}
        rule = {**cut_off, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        arn = f"arn:{self._session.get_partition_for_region(self.region)}:s3:::{bucket}"
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(tls_only("s3:*", [arn, f"{arn}/*"])))

    def upload(self, item: Object, task: Task) -> None:
        """Put a file into the artifact bucket; it appears there only when all of it has arrived."""
        owner = {"ExpectedBucketOwner": self.account}
        if item.bytes < ONE_PART:
            self.client("s3").put_object(Bucket=item.bucket, Key=item.key, Body=item.path.read_bytes(), **owner)
            task.advance(item.bytes)
        else:
            self.client("s3").upload_parts(item, owner, task.advance)

    def deploy_stack(self, template: Template, is_new: bool, numbers: Mapping[str, int]) -> Iterator[StackEvent]:
        """Create and execute a change set; yield the stack's events until it is done."""
        return stacks.deploy(self.client("cloudformation"), template, is_new, numbers, self._source(template))

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
        """Delete a resource with data that is empty, or whatever is in it when told so; say whether it was deleted."""
        return data.release(self.client(data.SERVICES[type]), type, physical_id, delete_data)

    def delete_objects(self, bucket: str, keys: frozenset[str]) -> None:
        """Remove archives from the artifact bucket."""
        for key in sorted(keys):
            self.client("s3").delete_object(Bucket=bucket, Key=key)

    def find_object(self, bucket: str, key: str, version: str = "") -> S3Object | None:
        """Return an object of S3, None when there is none."""
        return objects.find(self.client("s3"), bucket, key, version)

    def download(self, wanted: S3Object, path: Path, task: Task) -> None:
        """Write that very object to a path."""
        objects.download(self.client("s3"), wanted, path, task)

    def put_object(self, bucket: str, key: str, content: bytes) -> None:
        """Write a small object of JSON."""
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")

    def bucket_region(self, bucket: str) -> str:
        """Return the region that a bucket is in, "" when we may not know."""
        return objects.region(self.client("s3"), bucket)

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
            init_ms=_reported(r"\t(?:Init|Restore) Duration: ([\d.]+) ms", report),
            version=answer.get("ExecutedVersion", ""),
        )

    def _source(self, template: Template) -> dict[str, str]:
        """Say where CloudFormation finds a template: in the call, or in the artifact bucket when it is too large for that."""
        body = stacks.body(template)
        if len(body) <= stacks.INLINE_LIMIT:
            return {"TemplateBody": body}
        s3, bucket = self.client("s3"), f"slsdeploy-{self.account}-{self.region}"
        key = f"{template.stack}/template-{sha256(body.encode()).hexdigest()}.json"
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ExpectedBucketOwner=self.account)
        return {"TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{key}"}

    def sign(self, url: str, body: bytes, headers: dict[str, str], service: str) -> dict[str, str]:
        """Return the headers that make a POST to a service ("lambda" for a Function URL) this account's own (SigV4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=headers)
        with translated(self.endpoint):
            SigV4Auth(self._session.get_credentials(), service, self.region).add_auth(request)
        return dict(request.headers)

    def logs(self, function: str, since_ms: int, follow: bool) -> Iterator[LogLine]:
        """Yield the function's log events since a time (ms since the epoch); go on as they come when told to follow."""
        client, seen = self.client("logs"), dict[str, int]()
        group, newest = f"/aws/lambda/{function}", since_ms
        while True:
            # other streams deliver seconds later what happened before
            start = max(since_ms, newest - LATE_MS)
            seen = {event_id: timestamp for event_id, timestamp in seen.items() if timestamp >= start}
            for page in client.pages("filter_log_events", logGroupName=group, startTime=start):
                for event in page["events"]:
                    if event["eventId"] not in seen:
                        seen[event["eventId"]] = event["timestamp"]
                        newest = max(newest, event["timestamp"])
                        yield LogLine(event["timestamp"], event["logStreamName"], event["message"].rstrip("\n"))
            if not follow:
                return
            time.sleep(1)

    def _keys(self, bucket: str, prefix: str) -> list[str] | None:
        try:
            pages = self.client("s3").pages(
                "list_objects_v2", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=self.account
            )
            return [item["Key"] for page in pages for item in page.get("Contents", ())]
        except AwsError as refused:
            if refused.code in NOT_FOUND:
                return None
            raise


def _reported(pattern: str, report: str) -> float | None:
    found = re.search(pattern, report)
    return float(found[1]) if found else None

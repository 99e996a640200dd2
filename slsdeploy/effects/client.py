"""A botocore client whose refusals are ours: translated here, once, with what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
    SSOError,
)

from slsdeploy.artifacts import Object
from slsdeploy.errors import AwsError, ToolError

_TOO_LARGE = "Lambda takes events of 6 MB; put more into S3, and use a trigger of type s3"
_SIGN_IN = "sign in again (`aws sso login`, or new keys): AWS does not take these credentials"
_HINTS = {
    "RequestTooLargeException": _TOO_LARGE,
    "RequestEntityTooLargeException": _TOO_LARGE,
    "InvalidRequestContentException": "the event must be JSON",
    "ExpiredToken": _SIGN_IN,
    "ExpiredTokenException": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "UnrecognizedClientException": _SIGN_IN,
    "SignatureDoesNotMatch": _SIGN_IN,
}
# IAM's names for what the calls of these names need: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "lambda:Invoke": "lambda:InvokeFunction",
}


class Client:
    """A client of one service; `endpoint` is the local AWS's URL, "" for the real one."""

    def __init__(self, client: Any, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self._service: str = client.meta.service_model.service_name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._wrapped(found) if callable(found) else found

    def pages(self, operation: str, **kwargs: Any) -> Iterator[Any]:
        """Yield every page of a listing."""
        with translated(self._endpoint, self._service):
            yield from self._client.get_paginator(operation).paginate(**kwargs)

    def upload_parts(self, item: Object, extra: dict[str, str], advance: Callable[[int], None]) -> None:
        """Upload a large file in parts, several at a time."""
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import S3Transfer

        with translated(self._endpoint, self._service):
            try:
                S3Transfer(self._client).upload_file(
                    str(item.path), item.bucket, item.key, callback=advance, extra_args=extra
                )
            except S3UploadFailedError as failed:
                raise failed.__context__ or failed from None  # what the transfer was told

    def chunks(self, size: int, **wanted: Any) -> Iterator[bytes]:
        """Yield an object's content as it comes. A refusal is an AwsError with a code; of a connection that was cut, one with none."""
        with translated("", self._service):
            yield from self._client.get_object(**wanted)["Body"].iter_chunks(size)

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with translated(self._endpoint, self._service):
                return method(*args, **kwargs)

        return call


@contextmanager
def translated(endpoint: str, service: str = "") -> Iterator[None]:
    """Turn what botocore raises in the block into AwsError, or ToolError when it is the local AWS that does not answer."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _ours(error, endpoint, service) from error


def reader(url: str) -> Callable[[int, int], bytes]:
    """Return what reads so many bytes at a place of what a presigned URL is for. It raises AwsError when the URL does not answer.

    Nothing that is said of a failure has more of the URL than its host.
    """
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    session = URLLib3Session(proxies=get_environ_proxies(url), timeout=30)

    def fetch(place: int, wanted: int) -> bytes:
        headers = {"Range": f"bytes={place}-{place + wanted - 1}"}
        try:
            answer = session.send(AWSRequest("GET", url, headers=headers).prepare())
        except BotoCoreError as error:  # it says the whole URL, which is signed: who has it may read
            message = f"the call to {urlsplit(url).hostname} for a layer's content failed: {type(error).__name__}"
            raise AwsError(message, hint="check the connection and the proxy, then run the command again") from None
        if answer.status_code not in (200, 206):
            raise AwsError(f"the URL of a layer's content answers {answer.status_code}", hint="run the command again")
        content: bytes = answer.content
        # who does not know ranges sends all of it
        return content[:wanted] if answer.status_code == 206 else content[place : place + wanted]

    return fetch


def name_of(operation: Any) -> str:
    """Return a call's name as people know it ("s3:PutObject"), of botocore's operation model."""
    return f"{operation.service_model.service_name}:{operation.name}"


def _ours(error: ClientError | BotoCoreError, endpoint: str, service: str) -> AwsError | ToolError:
    if isinstance(error, ClientError):
        return _refusal(error, service)
    if isinstance(error, ConnectionError | HTTPClientError) and endpoint:
        return ToolError(
            "the local AWS has gone away",
            hint="run the same command again: it starts a new one (what was deployed to the old one is gone with it)",
            where=endpoint,
        )
    if isinstance(error, NoCredentialsError):
        return AwsError(
            "there are no AWS credentials here", hint="run `aws configure` or `aws sso login`, or deploy with --local"
        )
    if isinstance(error, ProfileNotFound):
        return AwsError(str(error), hint="look at AWS_PROFILE and at `aws configure list-profiles`")
    if isinstance(error, SSOError):
        return AwsError(str(error), hint="run `aws sso login`")
    return AwsError(
        f"the call to AWS failed: {error}", hint="check the connection and the credentials, then run the command again"
    )


def _refusal(error: ClientError, service: str) -> AwsError:
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    where = f"{service}:{error.operation_name}"
    hint = _hint(code, str(error))
    if "AccessDenied" in code or code == "403":
        hint = f"allow {_ACTIONS.get(where, where)} to whoever deploys"
    return AwsError(f"AWS refused {where}: {said.get('Message', error)}", hint=hint, where=where, code=code)


def _hint(code: str, message: str) -> str:
    """Say what to do about a refusal that its message leaves open."""
    if "ROLLBACK_FAILED" in message:
        return "an update could be neither made nor undone: `aws cloudformation continue-update-rollback`, or `slsdeploy down`"
    if "IN_PROGRESS" in message:
        return "somebody else deploys it; run the command again when that is done"
    return _HINTS.get(code, "")

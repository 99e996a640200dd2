"""An object of S3 -> the connection, the path and the signed headers to GET it with, by the standard library alone.

Honours AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL, AWS_REGION, AWS_CA_BUNDLE, and the credentials that Lambda gives a function: in its
environment, or with SnapStart from an address (https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html).

2026-11: import and first signed GET from loopback, in fresh processes in turns (CPython 3.11, bytecode present; numpy, onnxruntime and
Powertools imported before): boto3's client 274 ms, botocore's client 255, botocore's signer with urllib3 102, this 23.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

_NOTHING = hashlib.sha256(b"").hexdigest()


class NoCredentials(Exception):
    """The environment has no AWS credentials."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, its secret, the session's token and when it ends, as in 2026-11-21T15:00:00Z ("" for what is not known)."""

    key: str
    secret: str
    token: str
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object is asked for: scheme, host with port, the encoded path, the query ("" or "versionId=...")."""

    scheme: str
    host: str
    path: str
    query: str

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


def address(bucket: str, key: str, version: str, region: str) -> Address:
    """Return where an object is: in the bucket's own host, or below an endpoint that the environment names."""
    query = f"versionId={quote(version, safe='-_.~')}" if version else ""
    path = quote(key, safe="/-_.~")
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if named:
        found = urlsplit(named)
        return Address(found.scheme, found.netloc, f"{found.path.rstrip('/')}/{bucket}/{path}", query)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if "." in bucket:  # the certificate of S3 has one label for the bucket
        return Address("https", f"s3.{region}.{suffix}", f"/{bucket}/{path}", query)
    return Address("https", f"{bucket}.s3.{region}.{suffix}", f"/{path}", query)


def connect(address: Address, seconds: float, tls: Any) -> HTTPConnection:
    """Return a connection that is not open yet; `tls` is what `tls_context` returned."""
    if address.scheme == "https":
        return HTTPSConnection(address.host, timeout=seconds, context=tls)
    return HTTPConnection(address.host, timeout=seconds)


def tls_context(address: Address) -> Any:
    """Return what a connection needs for TLS (slow to make: once for all), None without."""
    if address.scheme != "https":
        return None
    import ssl

    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


def credentials() -> Credentials:
    """Return the function's credentials as they are now. Raises NoCredentials."""
    environ = os.environ
    if "AWS_ACCESS_KEY_ID" in environ:
        token = environ.get("AWS_SESSION_TOKEN", "")
        return Credentials(environ["AWS_ACCESS_KEY_ID"], environ.get("AWS_SECRET_ACCESS_KEY", ""), token)
    if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in environ:
        return _from_container(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    raise NoCredentials("there are no AWS credentials in the function's environment")


def _from_container(url: str) -> Credentials:
    found = urlsplit(url)
    connection = HTTPConnection(found.netloc, timeout=5)
    try:
        headers = {"Authorization": os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
        connection.request("GET", f"{found.path}?{found.query}" if found.query else found.path, headers=headers)
        said = json.loads(connection.getresponse().read())
        return Credentials(
            said["AccessKeyId"], said["SecretAccessKey"], said.get("Token", ""), said.get("Expiration", "")
        )
    except (OSError, ValueError, KeyError) as error:
        raise NoCredentials(f"the function's credentials cannot be read: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def signed(address: Address, region: str, by: Credentials, now: float | None = None) -> dict[str, str]:
    """Return the headers of a signed GET; more headers may be added, they need not be signed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html, for S3: the path is neither normalized nor encoded again.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {"host": address.host, "x-amz-content-sha256": _NOTHING, "x-amz-date": stamp}
    if by.token:
        headers["x-amz-security-token"] = by.token
    names = ";".join(headers)  # sorted as they stand
    canonical = "\n".join(["GET", address.path, address.query, *_lines(headers), "", names, _NOTHING])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    words = f"Credential={by.key}/{scope}, SignedHeaders={names}, Signature={signature(to_sign, scope, by)}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {words}"}


def signature(to_sign: str, scope: str, by: Credentials) -> str:
    """Return the signature (hex) of a text for a scope: DAY/REGION/SERVICE/aws4_request."""
    key = f"AWS4{by.secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in headers.items()]

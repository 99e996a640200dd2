"""Checks the signature of a request to an `AWS_IAM` Function URL or API: AWS Signature Version 4 in the Authorization header.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. The local AWS knows the secret of a few access
keys only; a signature by any other key is taken as valid when it is well formed and fresh.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from botocore.utils import normalize_url_path

from slsdeploy.local.functions.sandbox import ACCESS_KEY, SECRET_KEY
from slsdeploy.local.functions.url_event import HttpRequest
from slsdeploy.local.lambda_names import ACCOUNT

SECRETS: Mapping[str, str] = {"test": "test", "local": "local", "slsdeploy": "slsdeploy", ACCESS_KEY: SECRET_KEY}
SKEW = timedelta(minutes=5)

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<signed>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Unsigned(Exception):
    """The request is not to be let in; `str()` is what AWS says."""


def caller_of(request: HttpRequest, region: str, service: str = "lambda") -> dict[str, object]:
    """Return who signed a request to a service, as the event names them. Raises Unsigned."""
    headers = {name.lower(): value for name, value in request.headers}
    found = _HEADER.fullmatch(headers.get("authorization", "").strip())
    if found is None:
        raise Unsigned("Forbidden")
    _check_scope(found, region, service, headers)
    secret = SECRETS.get(found["key"])
    if secret is not None:
        key = _signing_key(secret, found["day"], found["region"], found["service"])
        expected = hmac.new(key, _to_sign(request, headers, found).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, found["signature"]):
            raise Unsigned(_MISMATCH)
    return {
        "accessKey": found["key"],
        "accountId": ACCOUNT,
        "callerId": found["key"],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{ACCOUNT}:root",
        "userId": ACCOUNT,
    }


def _check_scope(found: re.Match[str], region: str, service: str, headers: Mapping[str, str]) -> None:
    if found["service"] != service:
        raise Unsigned(f"Credential should be scoped to correct service: '{service}'.")
    if found["region"] != region:
        raise Unsigned(f"Credential should be scoped to a valid region, not '{found['region']}'. ")
    try:
        signed_at = datetime.strptime(headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Unsigned("Forbidden") from None
    if abs(datetime.now(UTC) - signed_at) > SKEW:
        raise Unsigned(f"Signature expired: {headers['x-amz-date']} is not within five minutes of now.")


def _to_sign(request: HttpRequest, headers: Mapping[str, str], found: re.Match[str]) -> str:
    signed = found["signed"].split(";")
    payload = headers.get("x-amz-content-sha256") or hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        [
            request.method,
            # Every service but S3 has the path normalized, and encoded once more.
            quote(normalize_url_path(request.path), safe="/~"),
            _canonical_query(request.query),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
            "",
            found["signed"],
            payload,
        ]
    )
    if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(request.body).hexdigest()):
        raise Unsigned(_MISMATCH)
    scope = f"{found['day']}/{found['region']}/{found['service']}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"


def _canonical_query(query: str) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key

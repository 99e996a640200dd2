"""An object of S3 -> a URL by which anybody who has it may GET it for a while, by the standard library alone.

boto3 makes such URLs too, by default with the old signature and for the global endpoint, which sends requests for a young bucket of
another region away. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import time
from urllib.parse import quote

from slsdeploy_runtime.s3_request import Address, Credentials, signature


def presigned(address: Address, region: str, by: Credentials, seconds: int, now: float | None = None) -> str:
    """Return the URL. It works for so many seconds at most, and no longer than the credentials: only GET, and only this object."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    given = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{by.key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        **({"X-Amz-Security-Token": by.token} if by.token else {}),
        "X-Amz-SignedHeaders": "host",
    }  # sorted as they stand
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in given.items())
    canonical = "\n".join(["GET", address.path, query, f"host:{address.host}", "", "host", "UNSIGNED-PAYLOAD"])
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return f"{address.scheme}://{address.host}{address.path}?{query}&X-Amz-Signature={signature(to_sign, scope, by)}"

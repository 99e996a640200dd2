"""Whether a request to the endpoint may come in: from programs of this machine, never from a web page in somebody's browser.

Whoever may create functions here may run code as the user, and every web page can send requests to loopback: GET and POST with
a form's content types, without asking first. So three things are asked for, each enough against most browsers:

- a Host that is loopback: a name that resolves to it (DNS rebinding) is refused;
- no header that only browsers send: `Origin` goes with everything but GET and HEAD, `Sec-Fetch-Site` with everything to
  loopback;
- an AWS signature in the Authorization header, which a page can only set after a preflight, and that carries an Origin.
  Presigned S3 requests have theirs in the query: GET, HEAD, and what needs a preflight.

The registry of images takes unsigned requests, as clients of registries send them: what changes an image there (PUT, PATCH,
DELETE) needs a preflight, too, and the upload that a POST starts is never finished.

https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS#simple_requests
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

# Of what a page can send only in a browser that is older than `Sec-Fetch-*`, GET is left, and S3's changes nothing.
_PRESIGNED_METHODS = ("GET", "HEAD", "PUT", "DELETE")
_LOCAL_HOST = re.compile(r"(.*\.)?localhost|127\.0\.0\.1|::1")


def refusal(request: Request) -> str:
    """Return why a request may not come in, "" when it may. Our own paths change nothing and need no signature."""
    if not _LOCAL_HOST.fullmatch(urlsplit(f"//{request.host}").hostname or ""):
        return f"the local AWS is not {request.host}: it answers programs of this machine, on loopback"
    if is_from_browser(request.headers.keys()):
        return "the local AWS answers programs, not web browsers; Function URLs are for those"
    if request.path.startswith("/_slsdeploy/") or is_for_registry(request) or _is_signed(request):
        return ""
    return "a request to the local AWS must be signed, as on AWS; any credentials do"


def is_for_registry(request: Request) -> bool:
    """Return whether a request is for the registry of images: below /v2/, where some services have paths, too, but signed."""
    return request.path.startswith("/v2/") and not _is_signed(request)


def is_from_browser(headers: Iterable[str]) -> bool:
    """Return whether the names of a request's headers tell that it comes from a browser.

    Not the other `Sec-Fetch-*`: Node's `fetch` sends `Sec-Fetch-Mode`.
    """
    return any(name.lower() in ("origin", "sec-fetch-site") for name in headers)


def service_of(request: Request) -> tuple[str, str]:
    """Return the service and the region that a request is signed for; ("", "us-east-1") when it is not signed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split()
    parts = (scope[0] if scope else request.args.get("X-Amz-Credential", "")).split("/")
    return (parts[3], parts[2]) if len(parts) == 5 else ("", "us-east-1")


def _is_signed(request: Request) -> bool:
    # "AWS4-HMAC-SHA256 Credential=..."; "AWS KEY:SIGNATURE" is version 2, which S3 alone still has.
    if request.headers.get("Authorization", "").startswith("AWS"):
        return True
    presigned = service_of(request)[0] == "s3" or {"AWSAccessKeyId", "Signature"} <= request.args.keys()
    return presigned and request.method in _PRESIGNED_METHODS

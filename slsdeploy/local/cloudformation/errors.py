"""What CloudFormation refuses, in AWS's words; each becomes an error response of the Query protocol."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A call that CloudFormation answers with an error: its code and message, as AWS has them."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class ResourceFailed(Exception):
    """A resource that cannot be created, updated or deleted; the message is its ResourceStatusReason."""


class ServiceRefused(ResourceFailed):
    """A service's API refused what a resource needs; worded as CloudFormation words it."""

    def __init__(self, message: str, code: str, handler_code: str) -> None:
        super().__init__(
            f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {handler_code})'
        )
        self.code = code
        self.handler_code = handler_code

    @classmethod
    def of(cls, service: str, response: Mapping[str, Any]) -> ServiceRefused:
        """Return the error that a botocore error response means."""
        error, meta = response["Error"], response.get("ResponseMetadata", {})
        status, request_id = meta.get("HTTPStatusCode", 400), meta.get("RequestId", "")
        message = f"{error.get('Message', '')} (Service: {service}, Status Code: {status}, Request ID: {request_id})"
        return cls(message, error["Code"], _handler_code(error["Code"], status))


def _handler_code(code: str, status: int) -> str:
    """Return the class of error that CloudFormation's resource handlers tell: NotFound, AlreadyExists, ..."""
    if status == 404 or code.startswith("NoSuch") or "NotFound" in code or "NonExistent" in code:
        return "NotFound"
    if status == 409 or "AlreadyExists" in code or "AlreadyOwned" in code:
        return "AlreadyExists"
    if status == 403:
        return "AccessDenied"
    return "InvalidRequest" if status < 500 else "GeneralServiceException"

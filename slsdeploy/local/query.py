"""AWS's Query protocol around plain functions: a form in, XML out, both as botocore's model of the service describes them.

moto's parser and serializer do the work; what a function answers is a dict with the model's own names.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from moto.core.parse import QueryParser
from moto.core.serialize import QuerySerializer, SerializationContext
from moto.core.utils import get_service_model
from werkzeug.wrappers import Request, Response

from slsdeploy.local.cloudformation.errors import Refused

_log = logging.getLogger(__name__)
Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


@cache
def model(service: str) -> Any:
    """Return botocore's model of a service; reading it takes tens of milliseconds, once."""
    return get_service_model(service)


def respond(service: str, request: Request, answer: Answer) -> Response:
    """Answer one request: `answer(operation, parameters)` returns what the operation's output shape holds, or raises Refused."""
    values = request.form  # never the query string, which any link carries
    service_model = model(service)
    action = values.get("Action", "")
    if action not in service_model.operation_names:
        return _error(
            service_model,
            Refused(f"Could not find operation {action} for version {values.get('Version')}", "InvalidAction"),
        )
    operation = service_model.operation_model(action)
    given = QueryParser(operation).parse({"values": values})
    try:
        result: Any = answer(action, given)
    except Refused as error:
        return _error(service_model, error)
    except Exception as error:
        _log.exception("%s failed", action)
        response = _error(service_model, Refused(f"{type(error).__name__}: {error}", "InternalFailure"))
        response.status_code = 500
        return response
    return _response(QuerySerializer(operation, SerializationContext(str(uuid.uuid4()))).serialize(result))


def _error(service_model: Any, error: Refused) -> Response:
    # Errors look alike for every operation: any one serializes them.
    operation = service_model.operation_model(service_model.operation_names[0])
    return _response(QuerySerializer(operation, SerializationContext(str(uuid.uuid4()))).serialize(error))


def _response(serialized: Mapping[str, Any]) -> Response:
    return Response(serialized["body"], serialized["status_code"], {"Content-Type": "text/xml"})

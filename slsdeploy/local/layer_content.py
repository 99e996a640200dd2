"""What GetLayerVersion says is a layer's location: on AWS a presigned URL of S3, here a path of our own that answers ranges as S3 does."""

from __future__ import annotations

import io
import re

from moto.awslambda.models import lambda_backends
from werkzeug.wrappers import Request, Response

from slsdeploy.local.lambda_names import ACCOUNT

PATH = re.compile(r"/_slsdeploy/layers/(?P<region>[a-z0-9-]+)/(?P<name>[A-Za-z0-9_-]+)/(?P<number>\d+)")


def path_of(region: str, name: str, number: int) -> str:
    """Return the path of a layer's version."""
    return f"/_slsdeploy/layers/{region}/{name}/{number}"


def respond(request: Request, match: re.Match[str]) -> Response:
    """Answer with the layer's zip, or the part of it that is asked for."""
    found = lambda_backends[ACCOUNT][match["region"]]._layers._layers.get(match["name"])
    version = found.layer_versions.get(match["number"]) if found else None
    if version is None:
        return Response("there is no such layer\n", 404)
    content = io.BytesIO(version.code_bytes)
    answer = Response(content, 200, mimetype="application/zip", direct_passthrough=True)
    size = len(version.code_bytes)
    answer.content_length = size
    return answer.make_conditional(request, accept_ranges=True, complete_length=size)

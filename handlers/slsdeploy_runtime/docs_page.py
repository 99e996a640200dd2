"""The models' signatures -> the page of `GET /docs`: docs_page.html, which makes a form of them and sends it to /predict.

One document with nothing from elsewhere, read when somebody asks for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.service import Service

TEMPLATE = "docs_page.html"
_PLACE = b'{"placeholder": true}'

# What the page does, and nothing else: its own script and style, requests to where it came from, the image that was chosen.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def policy() -> str:
    """Return the page's policy: where large answers go to a bucket, the browser is sent there for them."""
    if not os.environ.get("SLSDEPLOY_LARGE_ANSWERS"):
        return POLICY
    from slsdeploy_runtime import large

    return POLICY.replace("connect-src 'self'", f"connect-src 'self' {large.origin()}")


def render(service: Service, *, is_signed: bool) -> bytes:
    """Return the page; `is_signed` says that callers must sign, which a browser does not."""
    told = {
        "name": service.name,
        "signed": is_signed,
        "preprocess": service.handler.preprocess is not None,
        "models": [_model(model) for model in service.models.values()],
    }
    page = Path(__file__).with_name(TEMPLATE).read_bytes()
    # no text of a model's may end the script that holds it
    return page.replace(_PLACE, to_json(told).replace(b"<", b"\\u003c"), 1)


def _model(model: Model) -> dict[str, Any]:
    return {"name": model.name, "version": model.version, "inputs": [_input(tensor) for tensor in model.inputs]}


def _input(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
        "channels": channels(tensor),
    }


def channels(tensor: Tensor) -> str:
    """Say where an image's channels are: "first" or "last" of four dimensions with one or three of them; "" for what is no image."""
    if len(tensor.shape) != 4 or tensor.datatype in ("BOOL", "BYTES"):
        return ""
    if tensor.shape[1] in (1, 3):
        return "first"
    return "last" if tensor.shape[3] in (1, 3) else ""

"""What the local AWS says of itself, and what it needs of its Lambda data plane."""

from __future__ import annotations

import json
import os
from typing import Protocol

from werkzeug.wrappers import Response

from slsdeploy.local.function_urls import UrlPorts
from slsdeploy.local.invoke import Invokes
from slsdeploy.local.mends import NOT_EMULATED

OWN_PATHS = "/_slsdeploy/"
PING_PATH = f"{OWN_PATHS}ping"
STATUS_PATH = f"{OWN_PATHS}status"


class Lambda(UrlPorts, Invokes, Protocol):
    """The Lambda data plane (`slsdeploy.local.functions.Functions`)."""

    def start(self) -> None: ...

    def preload(self) -> None: ...

    def stop(self) -> None: ...

    def changed(self) -> None: ...

    def apis_changed(self) -> None: ...

    def localized(self, text: str) -> str: ...

    def describe(self) -> list[dict[str, object]]: ...

    def limits(self) -> list[str]: ...


def status_response(functions: Lambda) -> Response:
    """Answer `local status`: our pid, every function, the regions that have any, and what is not as on AWS."""
    described = functions.describe()
    body = {
        "pid": os.getpid(),
        "functions": described,
        "regions": sorted({str(function["region"]) for function in described}),
        "limits": [*functions.limits(), *NOT_EMULATED],
    }
    return Response(json.dumps(body), 200, {"Content-Type": "application/json"})

"""An API of API Gateway as a value, and which of its routes a request goes to. Pure; `api_registry.py` makes them of what moto knows.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

DEFAULT = "$default"


@dataclass(frozen=True, slots=True)
class Route:
    """What a method ("ANY") and a path ("/{proxy+}", "$default") go to: a function's name or ARN; only if signed, or not."""

    method: str
    path: str
    function: str
    is_signed: bool = False

    @property
    def key(self) -> str:
        """Return how an HTTP API calls it."""
        return DEFAULT if self.path == DEFAULT else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Api:
    """One API: its id, its routes, the variables of each of its stages.

    An HTTP API may have CORS settings, a REST API types that are binary.
    """

    kind: Literal["http", "rest"]
    region: str
    id: str
    routes: tuple[Route, ...]
    stages: Mapping[str, Mapping[str, str]]
    cors: Mapping[str, Any]
    binary: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Where a request goes: its stage, the path behind that, the route, the values of the route's variables."""

    stage: str
    path: str
    route: Route
    parameters: Mapping[str, str]


def find(api: Api, method: str, path: str) -> Found | None:
    """Return where a request goes, None for nowhere. A REST API has its stage first in the path, an HTTP API unless that is `$default`."""
    first, _, rest = path.removeprefix("/").partition("/")
    if first in api.stages and first != DEFAULT:
        stage, behind = first, f"/{rest}"
    elif api.kind == "http" and DEFAULT in api.stages:
        stage, behind = DEFAULT, path
    else:
        return None
    fitting = [
        (rank, route, parameters)
        for route in api.routes
        if route.method in (method, "ANY") and (matched := _match(route.path, behind))
        for rank, parameters in [matched]
    ]
    if not fitting:
        return None
    _, route, parameters = min(fitting, key=lambda each: (each[0], each[1].method == "ANY"))
    return Found(stage, behind, route, parameters)


def _match(pattern: str, path: str) -> tuple[list[int], dict[str, str]] | None:
    """Return how well a path fits (the less the better, part by part), and the values of its variables."""
    if pattern == DEFAULT:
        return [3], {}
    parts, wanted = path.strip("/").split("/"), pattern.strip("/").split("/")
    rank: list[int] = []
    values: dict[str, str] = {}
    for index, each in enumerate(wanted):
        if each.endswith("+}"):
            rest = "/".join(parts[index:])
            return ([*rank, 2], {**values, each[1:-2]: unquote(rest)}) if rest else None
        if index >= len(parts):
            return None
        if each.startswith("{"):
            rank.append(1)
            values[each[1:-1]] = unquote(parts[index])
        elif each == parts[index]:
            rank.append(0)
        else:
            return None
    return (rank, values) if len(parts) == len(wanted) else None

"""APIs of API Gateway, the half with sockets: a loopback port for each, from an HTTP request to the function of its route and back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from slsdeploy.local import lambda_names
from slsdeploy.local.functions import cors
from slsdeploy.local.functions.api_event import ApiSite, make_event, read_response
from slsdeploy.local.functions.api_routes import Api, Found, find
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.http_port import HttpPort, said
from slsdeploy.local.functions.registry import region_of
from slsdeploy.local.functions.sigv4 import Unsigned, caller_of
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest, HttpResponse
from slsdeploy.local.functions.values import REQUEST_BYTES, Outcome, Refused

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
SECONDS = {"http": 30.0, "rest": 29.0}
# what callers are told, by what happened: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_NOWHERE = {"http": (404, "Not Found"), "rest": (403, "Missing Authentication Token")}
_UNSIGNED = {"http": (403, "Forbidden"), "rest": (403, "Missing Authentication Token")}
_FAILED = {"http": (500, "Internal Server Error"), "rest": (502, "Internal server error")}
_LATE = {"http": (503, "Service Unavailable"), "rest": (504, "Endpoint request timed out")}


class ApiPort:
    """One API's port: open until it is closed. `api` is what it answers as, and may be replaced."""

    def __init__(self, engine: Engine, api: Api) -> None:
        self.api = api
        self.url = ""
        self._engine = engine
        self._port = HttpPort(self._answer)
        self._site = ApiSite(api.id, api.region, 0)

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self.url = f"http://127.0.0.1:{await self._port.open()}"

    async def close(self) -> None:
        """Stop listening."""
        await self._port.close()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        settings = self.api.cors
        if not settings:
            return await self._respond(request)
        if preflight := cors.preflight(request, settings):
            return replace(preflight, status=204)
        response = await self._respond(request)
        own = [pair for pair in response.headers if not pair[0].lower().startswith("access-control-")]
        return replace(response, headers=[*own, *cors.added(request, settings)])

    async def _respond(self, request: HttpRequest) -> HttpResponse:
        api = self.api
        found = find(api, request.method, request.path)
        if found is None:
            return _told(_NOWHERE[api.kind])
        try:
            caller = caller_of(request, api.region, "execute-api") if found.route.is_signed else None
            event = make_event(request, self._site, api, found, caller)
            payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
            if len(payload) > REQUEST_BYTES:
                return said(413, "Request Too Long", "message")
            outcome = await self._run(found, payload)
            if outcome.error:
                return _told(_FAILED[api.kind])
            return read_response(outcome.payload, request, api)
        except Unsigned as unsigned:
            is_missing = str(unsigned) == "Forbidden"
            return (
                _told(_UNSIGNED[api.kind]) if is_missing or api.kind == "http" else said(403, str(unsigned), "message")
            )
        except (Refused, BadResponse):
            return _told(_FAILED[api.kind])
        except TimeoutError:
            return _told(_LATE[api.kind])

    async def _run(self, found: Found, payload: bytes) -> Outcome:
        """Run the function; it goes on when API Gateway does not wait any longer. Raises TimeoutError then."""
        name, qualifier = lambda_names.split(found.route.function)
        spec = self._engine.spec(region_of(found.route.function, self.api.region), name, qualifier)
        running = self._engine.spawn(self._engine.run(spec, new_request(spec, payload, qualifier)))
        outcome: Outcome = await asyncio.wait_for(asyncio.shield(running), SECONDS[self.api.kind])
        return outcome


def _told(what: tuple[int, str]) -> HttpResponse:
    return said(*what, "message")

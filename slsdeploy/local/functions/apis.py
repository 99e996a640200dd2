"""The APIs of API Gateway that are open: a loopback port each. What answers on them is `api_server.py`."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from slsdeploy.local.functions import api_registry
from slsdeploy.local.functions.engine import Engine

if TYPE_CHECKING:
    from slsdeploy.local.functions.api_server import ApiPort

_ADDRESS = re.compile(r"https://([a-z0-9]+)\.execute-api\.([a-z0-9-]+)\.amazonaws\.com")
LIMIT = (
    "APIs of API Gateway: changes of a REST API are live at once, without a deployment; only Lambda proxy integrations, open or signed "
    "(AWS_IAM), are answered."
)


class Apis:
    """Every open API. Lives on the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: dict[tuple[str, str], ApiPort] = {}

    async def reconcile(self) -> None:
        """Open what there is, change what is otherwise, close what is gone."""
        found = {(api.region, api.id): api for api in await asyncio.to_thread(api_registry.apis)}
        for key in [key for key in self._open if key not in found]:
            await self._open.pop(key).close()
        for key, api in found.items():
            if key in self._open:
                self._open[key].api = api
                continue
            # aiohttp is loaded when it is needed, as for Function URLs
            from slsdeploy.local.functions.api_server import ApiPort

            port = self._open[key] = ApiPort(self._engine, api)
            await port.open()

    async def close_all(self) -> None:
        """Close every API."""
        while self._open:
            await self._open.popitem()[1].close()

    def localized(self, text: str) -> str:
        """Return a text with the addresses of APIs as they are here: loopback ports."""

        def port(found: re.Match[str]) -> str:
            opened = self._open.get((found[2], found[1]))
            return opened.url if opened else found[0]

        return _ADDRESS.sub(port, text)

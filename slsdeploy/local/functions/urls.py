"""The Function URLs that are open: which function each belongs to. What answers on their ports is `url_server.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slsdeploy.local.functions.engine import Engine

if TYPE_CHECKING:
    from slsdeploy.local.functions.url_server import FunctionUrl, Place


class FunctionUrls:
    """Every open Function URL. Lives on the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: dict[Place, FunctionUrl] = {}

    async def open(self, place: Place, auth_type: str, cors: Mapping[str, Any]) -> str:
        """Return the URL of a place, opening it the first time; its auth type and CORS settings become these."""
        server = await asyncio.to_thread(_server)
        if place not in self._open:
            url = self._open[place] = server(self._engine, place, auth_type)
            await url.open()
        self._open[place].auth_type = auth_type
        self._open[place].cors = cors
        return self._open[place].url

    async def close(self, place: Place) -> None:
        """Close a URL; again: nothing."""
        url = self._open.pop(place, None)
        if url is not None:
            await url.close()

    async def close_all(self) -> None:
        """Close every URL."""
        for place in list(self._open):
            await self.close(place)

    def of(self, region: str, function: str) -> str:
        """Return a function's first URL, "" when it has none."""
        found = [url.url for place, url in self._open.items() if place[:2] == (region, function)]
        return found[0] if found else ""


def preload() -> None:
    """Load what the first URL will need."""
    _server()


def _server() -> type[FunctionUrl]:
    # aiohttp would take a fifth of the time in which the local AWS starts: loaded once that is done.
    from slsdeploy.local.functions.url_server import FunctionUrl

    return FunctionUrl

"""Mangum over our routes: an HTTP event into ASGI, the answer into what the event's sender wants."""

from __future__ import annotations

from functools import cached_property

from mangum import Mangum
from mangum.handlers import HTTPGateway
from mangum.types import Scope

from slsdeploy_runtime.asgi import Application
from slsdeploy_runtime.service import Service


class _Gateway(HTTPGateway):
    """Events of Function URLs and HTTP APIs. Mangum makes the scope anew for the answer: 30 us that nothing needs."""

    @cached_property
    def scope(self) -> Scope:
        return super().scope


def adapter(service: Service) -> Mangum:
    """Return what answers HTTP events."""
    # "off": ours has nothing to start, and the lifespan protocol would run at every event (130 us instead of 20)
    return Mangum(Application(service), lifespan="off", custom_handlers=[_Gateway])

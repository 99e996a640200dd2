"""Our own routes (`/predict`, `/v2`, `/openapi.json`, `/docs`) as an ASGI application, for a project's own one to mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slsdeploy_runtime import routes
from slsdeploy_runtime.http_event import Call

if TYPE_CHECKING:
    from slsdeploy_runtime.asgi import App, Message, Receive, Send


def asgi_app() -> App:
    """Return the application: `app.mount("/model", asgi_app())`. It is for HTTP requests inside of a function."""
    return _answer


async def _answer(scope: Message, receive: Receive, send: Send) -> None:
    from slsdeploy_runtime.asgi import service  # imports Mangum, which the function has by then

    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    base = scope.get("root_path", "")
    path = scope["path"].removeprefix(base) or "/"
    query = scope.get("query_string", b"").decode("latin-1")
    reply = routes.answer(service(), Call(scope["method"], path, headers, query, body, base=base))
    told = {"content-type": reply.content_type, **dict(reply.headers)}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    await send({"type": "http.response.body", "body": reply.body})

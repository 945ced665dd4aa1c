"""ASGI middleware: limits the streams of Server-Sent Events of one address behind a proxy.

Without a proxy a stream has a connection, which is counted. See `Clients`.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.clients import Clients
from gateway.http import failures

STREAMS: Final = "/api/events"


class ProxiedStreams:
    """Refuses streams as `clients` does."""

    def __init__(self, app: ASGIApp, clients: Clients) -> None:
        self._app = app
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("path") != STREAMS or not scope.get("state", {}).get("proxied"):
            await self._app(scope, receive, send)
            return
        holder = object()
        try:
            problem = self._clients.share(holder, scope["client"][0])
            await (failures.response(problem, scope) if problem else self._app)(
                scope, receive, send
            )
        finally:
            self._clients.leave(holder)

"""ASGI middleware: answers to hosts of https have browsers come by https alone (RFC 6797)."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.refusals import Refusals
from gateway.problems import STRICT_TRANSPORT


class StrictTransport:
    """Adds the header where `refusals` know that browsers reach the host by https."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[STRICT_TRANSPORT[0]] = STRICT_TRANSPORT[1]
            await send(message)

        is_http = scope["type"] == "http"
        if is_http and self._refusals.is_secure(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send_strictly)
        else:
            await self._app(scope, receive, send)

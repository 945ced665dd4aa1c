"""ASGI middleware: refuses commands from foreign web pages, and sets the security headers."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import problems
from gateway.problems import Problem

_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The files of an upgrade must be seen at the next load; their ETag makes that cheap.
    "cache-control": "no-cache",
}


class Guard:
    """Lets a browser POST only from our own pages or from one of `origins`.

    socket.io checks the Origin of its handshakes itself. A request without Origin does not come
    from a page, so it passes.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["method"] == "POST" and not self._allowed(Headers(scope=scope)):
            detail = "Commands are taken from this gateway's own pages and allowed origins only."
            refusal = problems.answer(Problem(HTTPStatus.FORBIDDEN, "foreign-origin", detail))
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _allowed(self, headers: Headers) -> bool:
        return allowed(headers.get("origin"), headers.get("host"), self._origins)


def allowed(origin: str | None, host: str | None, origins: Collection[str]) -> bool:
    """Tell whether pages of `origin` may watch and command at `host`; `origins` always may.

    None is a request that comes from no page.
    """
    return origin is None or origin in origins or origin.partition("://")[2] == host

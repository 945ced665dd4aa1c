"""ASGI middleware: refuses commands from foreign web pages, and sets the security headers."""

import ipaddress
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

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
    """Answers only to hosts that are ours, and lets a browser POST only from our own pages.

    The pages, and hosts, of `origins` count as ours. socket.io asks `allowed` for its handshakes.
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

        if problem := self._refusal(scope["method"], Headers(scope=scope)):
            await problems.answer(problem)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> Problem | None:
        host = headers.get("host")
        if not _ours(host, self._origins):
            detail = (
                f"This gateway does not answer to the host {(host or '')[:80]!r}: start it with "
                "--origin and the address that browsers use."
            )
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, "foreign-host", detail)
        if method == "POST" and not allowed(headers.get("origin"), host, self._origins):
            detail = "Commands are taken from this gateway's own pages and allowed origins only."
            return Problem(HTTPStatus.FORBIDDEN, "foreign-origin", detail)
        return None


def allowed(origin: str | None, host: str | None, origins: Collection[str]) -> bool:
    """Tell whether pages of `origin` may watch and command at `host`; `origins` always may.

    None is a request that comes from no page.
    """
    if origin is None or origin in origins:
        return True
    return origin.partition("://")[2] == host and _ours(host, origins)


def _ours(host: str | None, origins: Collection[str]) -> bool:
    """Tell whether `host` cannot have been made to point here by somebody else (DNS rebinding).

    Nobody can do that to an IP address or to localhost.
    """
    try:
        name = urlsplit(f"//{host or ''}").hostname or ""
        if name == "localhost" or any(urlsplit(origin).hostname == name for origin in origins):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

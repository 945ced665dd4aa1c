"""ASGI middleware: refuses commands from foreign web pages, and sets the security headers."""

import ipaddress
from collections.abc import Collection, Mapping
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

SOCKETS = "/socket.io"


class Door:
    """Answers only to hosts that are ours; lets only our own pages command and connect.

    The pages, and hosts, of `origins` count as ours. A request without Origin comes from no page.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def refusal(self, headers: Mapping[str, str], *, acts: bool) -> Problem | None:
        """Return why not to answer, None to answer; `acts` when more than reading is asked for."""
        host, origin = headers.get("host"), headers.get("origin")
        if not _ours(host, self._origins):
            detail = (
                f"This gateway does not answer to the host {(host or '')[:80]!r}: start it with "
                "--origin and the address that browsers use."
            )
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, "foreign-host", detail)
        own = origin is None or origin in self._origins or origin.partition("://")[2] == host
        if acts and not own:
            detail = "Only this gateway's own pages and allowed origins may command and connect."
            return Problem(HTTPStatus.FORBIDDEN, "foreign-origin", detail)
        return None


class Guard:
    """Refuses requests as the `door` does, and sets the security headers."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket" and self._refusal(scope):
            await send({"type": "websocket.close"})  # before it is accepted: a plain 403
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if problem := self._refusal(scope):
            await problems.answer(problem)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        acts = scope.get("method") == "POST" or scope["path"].startswith(SOCKETS)
        return self._door.refusal(Headers(scope=scope), acts=acts)


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

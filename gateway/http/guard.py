"""ASGI middleware: refuses requests of foreign hosts and pages, and sets the security headers.

A page of another site can make the browser of a visitor send requests here. `Access` tells those by
their Host and Origin headers. Every answer, also a refusal, carries the security headers.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.paths import SOCKETS
from gateway.access.refusals import Refusals
from gateway.http import failures
from gateway.http.cors import PREFLIGHT
from gateway.problems import SECURITY_HEADERS, Problem

HEALTH: Final = "/healthz", "/readyz"
"""Paths that load balancers ask, by any host or none; their answers hide nothing."""

_READS: Final = "GET", "HEAD", "OPTIONS"


class Guard:
    """Refuses requests as `refusals` does, and sets the security headers."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self._refusal(scope)
        app = failures.response(problem, scope) if problem else self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        if scope["path"] in HEALTH:
            return None
        headers = Headers(scope=scope)
        client = scope.get("client")
        return self._refusals.of(
            headers.getlist("host"),
            headers.getlist("origin"),
            client[0] if client else "",
            acts=scope["method"] not in _READS
            or scope["path"].startswith(SOCKETS)
            or PREFLIGHT in headers,
            version=scope.get("http_version", "1.1"),
        )

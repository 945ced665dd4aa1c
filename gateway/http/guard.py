"""ASGI middleware: refuses requests of foreign hosts and pages, and sets the security headers.

A page of another site can make the browser of a visitor send requests here. `Access` tells those by
their Host and Origin headers. Every answer, also a refusal, carries the security headers.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import problems
from gateway.access.access import SOCKETS, Access
from gateway.log_limit import LogLimit
from gateway.problems import Problem

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The files of an upgrade must be seen at the next load; their ETag makes that cheap.
    "cache-control": "no-cache",
}

HEALTH: Final = "/healthz", "/readyz"
"""Paths that load balancers ask, by any host or none; their answers hide nothing."""

_READS: Final = "GET", "HEAD", "OPTIONS"
_LOGGED_A_MINUTE: Final = 20
_LOGGED_CHARACTERS: Final = 200

log = logging.getLogger(__name__)


class Guard:
    """Refuses requests as `access` does, says so in the log, and sets the security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._limit = LogLimit(_LOGGED_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self._refusal(scope)
        app = problems.answer(problem) if problem else self._app
        if scope["type"] == "websocket":
            await app(scope, receive, _explained(scope, receive, send_with_headers))
        else:
            await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        if scope["path"] in HEALTH:
            return None
        headers = Headers(scope=scope)
        host, origin = headers.getlist("host"), headers.getlist("origin")
        problem = self._access.refusal(
            host,
            origin,
            acts=scope.get("method") not in _READS or scope["path"].startswith(SOCKETS),
            version=scope.get("http_version", "1.1"),
        )
        if problem:
            self._log(problem, ", ".join(host), ", ".join(origin), scope.get("client"))
        return problem

    def _log(
        self, problem: Problem, host: str, origin: str, client: tuple[str, int] | None
    ) -> None:
        facts = {
            "problem": problem.slug,
            "host": host[:_LOGGED_CHARACTERS],
            "origin": origin[:_LOGGED_CHARACTERS],
        }
        now = asyncio.get_running_loop().time()
        left_out = self._limit.take(tuple(facts.values()), now)
        if left_out is not None:
            facts["client"] = client[0] if client else ""
            log.warning("http.refused", extra={**facts, "left_out": left_out})


def _explained(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a `send` that says why a WebSocket is refused, where the application only closes it.

    Browsers do not show that answer to their pages, which have to ask by HTTP; other clients do.
    """
    begun = False

    async def send_explained(message: Message) -> None:
        nonlocal begun
        if message["type"] == "websocket.close" and not begun:
            reason = str(message.get("reason") or "").strip('". ')
            detail = f"{reason or 'There is no WebSocket here'}."
            problem = Problem(HTTPStatus.BAD_REQUEST, "no-websocket", detail)
            await problems.answer(problem)(scope, receive, send)
            return
        begun = True
        await send(message)

    return send_explained

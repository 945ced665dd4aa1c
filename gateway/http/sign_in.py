"""ASGI middleware: finds out who asks, and puts the principal into the scope.

A request may last, as a stream does, or a start that waits for its build. So it is noted in the
directory from here on, and sent away when its principal has to go. A stream of Server-Sent Events
is a connection of its principal besides, of which one has so many and no more.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from buildfeed.errors import HistoryUnavailable
from gateway import http_connection
from gateway.access import credentials
from gateway.access.directory import Directory
from gateway.access.principal import SCOPE, Principal
from gateway.http import failures
from gateway.http.proxied_streams import STREAMS
from gateway.problems import Problem

_ASKED: Final = "/api/", "/badge/", "/metrics", "/s/"
"""What begins the paths at which it matters who asks."""


class SignIn:
    """Asks the directory of the application, which is in its state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_ASKED):
            await self._app(scope, receive, send)
            return
        directory: Directory = scope["state"]["directory"]
        try:
            who = scope[SCOPE] = await _principal(scope, directory)
        except (Problem, HistoryUnavailable) as exc:
            await (await failures.answer(Request(scope), exc))(scope, receive, send)
            return
        if who.anonymous:
            await self._app(scope, receive, send)
            return
        below, request = http_connection.of(scope), object()
        try:
            directory.visitors.enter(
                request, who, lambda _why: below.dismiss(), counts=scope["path"] == STREAMS
            )
        except Problem as problem:
            await failures.response(problem, scope)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            directory.visitors.leave(request)
            if below.dismissed:
                below.close()


async def _principal(scope: Scope, directory: Directory) -> Principal:
    """Return who asks; raises Problem, and HistoryUnavailable."""
    headers = Headers(scope=scope)
    shown = credentials.shown(*(headers.get(name, "") for name in credentials.HEADERS))
    return await directory.recognise(shown, scope["client"][0] if scope.get("client") else "")

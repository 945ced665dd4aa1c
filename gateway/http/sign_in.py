"""ASGI middleware: finds out who asks, and puts the principal into the scope.

A token that is good no more is refused. A cookie is sent by the browser, whether its page wants to
or not, so with one that is good no more somebody is as anonymous as without.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from buildfeed.errors import HistoryUnavailable
from gateway.access import credentials
from gateway.access.directory import Directory
from gateway.access.principal import SCOPE, Principal
from gateway.http import failures
from gateway.problems import Problem

_ASKED: Final = "/api/", "/metrics", "/s/"
"""What begins the paths at which it matters who asks."""


class SignIn:
    """Asks the directory of the application, which is in its state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(_ASKED):
            try:
                scope[SCOPE] = await _principal(scope)
            except (Problem, HistoryUnavailable) as exc:
                await (await failures.answer(Request(scope), exc))(scope, receive, send)
                return
        await app(scope, receive, send)


async def _principal(scope: Scope) -> Principal:
    """Return who asks; raises Problem, and HistoryUnavailable."""
    directory: Directory = scope["state"]["directory"]
    headers = Headers(scope=scope)
    token = credentials.bearer(headers.get("authorization", ""))
    address = scope["client"][0] if scope.get("client") else ""
    if token:
        return await directory.find(token, address)
    try:
        return await directory.find(credentials.cookie(headers.get("cookie", "")), address)
    except Problem as problem:
        if problem.status != HTTPStatus.UNAUTHORIZED:
            raise
        return msgspec.structs.replace(directory.anonymous, why=problem.extra["reason"])

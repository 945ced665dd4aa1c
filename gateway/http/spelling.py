"""ASGI middleware: gives each path its one spelling, whichever of them a request has.

What is inside knows our own paths only. The root, if there is one, is for links that leave.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.paths import Paths


class Spelling:
    """Puts the path that `paths` knows into the scope."""

    def __init__(self, app: ASGIApp, paths: Paths) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope["path"] = self._paths.own(scope["path"])
            scope["app_root_path"] = self._paths.root  # as Starlette calls it
        await self._app(scope, receive, send)

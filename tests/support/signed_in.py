"""An application behind the sign-in of a gateway, on a directory with real tokens."""

from collections.abc import Sequence

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from gateway.access.access import Access
from gateway.access.directory import Directory
from gateway.access.paths import Paths
from gateway.http import failures
from gateway.http.links import Links
from gateway.http.sign_in import SignIn
from gateway.http_connection import EXTENSION

ORIGIN = "https://builds.example"
"""By which browsers reach it."""


class Below:
    """The connection below a request, as far as it matters here."""

    def __init__(self) -> None:
        self.dismissed = self.closed = False

    def dismiss(self) -> None:
        self.dismissed = True

    def close(self) -> None:
        self.closed = True


class Application:
    """`routes` behind the sign-in; `below` is the connection of the last request."""

    def __init__(self, directory: Directory, routes: Sequence[BaseRoute]) -> None:
        self.below = Below()
        self._state = {"directory": directory}
        self._app = Starlette(
            routes=routes,
            middleware=[Middleware(SignIn)],
            exception_handlers=dict.fromkeys(failures.EXCEPTIONS, failures.answer),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.below = Below()
        scope |= {"state": self._state, "extensions": {EXTENSION: self.below}}
        await self._app(scope, receive, send)

    def client(self, base: str = ORIGIN, address: str = "192.0.2.1") -> httpx.AsyncClient:
        """Return a client at an address, which keeps no cookies for other hosts."""
        transport = httpx.ASGITransport(self, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=base)


def links() -> Links:
    return Links(Access([ORIGIN], "builds.example"), Paths())


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}

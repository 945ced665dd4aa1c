"""Cross-origin requests (Fetch §3.3): what a page of an allowed origin may send, and may read.

Such a page may send any header, as its libraries do, and the cookies and logins that belong to this
gateway. It may read every answer, also a refusal and the answer to a bug. Caches are told that
answers differ by origin (`Vary`).
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.refusals import Refusals
from gateway.problems import SECURITY_HEADERS

PREFLIGHT: Final = "access-control-request-method"
"""The header that makes a request with the method OPTIONS a preflight."""

_EXPOSED: Final = (
    *("Allow", "Content-Range", "Date", "ETag", "Link", "Location", "Preference-Applied"),
    "Retry-After",
)
"""Headers of answers that scripts may read, beside those that they always may."""


class Cors:
    """Answers the preflights of the origins that `refusals` allows; their pages may read all.

    What other pages ask is left to `app`.
    """

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals
        self._allowing = _Allowing(
            app,
            allow_origin_regex=".*",
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
            allow_private_network=True,
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._refusals.allows(Headers(scope=scope).get("origin", "")):
            await self._allowing(scope, receive, send)
        else:
            await self._app(scope, receive, send_varying)


class _Allowing(CORSMiddleware):
    """Allows every origin: which of them may come here is decided before."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight."""
        response = super().preflight_response(request_headers)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

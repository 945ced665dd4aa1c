"""Edge: HTTP for load balancers and supervisors: whether the process is alive, and ready."""

from collections.abc import Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.problems import Problem


class Health:
    """The health checks.

    `missing` returns the reason why the process is not ready yet, None when it is.
    """

    def __init__(self, missing: Callable[[], str | None]) -> None:
        self._missing = missing

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        methods = "GET", "OPTIONS"  # OPTIONS is what HAProxy asks with unless it is told
        return [
            Route("/healthz", self.alive, methods=methods),
            Route("/readyz", self.ready, methods=methods),
        ]

    async def alive(self, _request: Request) -> Response:
        """200 while the event loop of the process turns."""
        return _status("alive")

    async def ready(self, _request: Request) -> Response:
        """200 when connected and caught up, else 503 that names the missing part."""
        if missing := self._missing():
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", missing)
        return _status("ready")


def _status(status: str) -> Response:
    return Response(msgspec.json.encode({"status": status}), media_type="application/json")

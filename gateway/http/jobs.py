"""Edge: HTTP. `/api/jobs`: what one may start, of what the workers that are online offer."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.grants import Grant
from gateway.access import principal
from gateway.http import requests
from gateway.state.live import Live


class Jobs:
    """The endpoint."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/jobs", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and the jobs that one may start now, with the names of their parameters."""
        who = principal.of(request.scope)
        if not who.grants.areas("start"):
            raise who.refused(Grant("start"))
        requests.no_query(request.query_params.multi_items())
        found = self._live.offers(lambda project: who.grants.may("start", project))
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(found), 200, headers, media_type="application/json")

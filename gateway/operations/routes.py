"""Edge: HTTP for operators. `/metrics` for Prometheus, `/api/overview` for the page."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.broker.amqp.topology import BUILDS_DEAD
from gateway.access import principal
from gateway.http import requests
from gateway.operations.metrics import Metrics
from gateway.operations.queues import Queues
from gateway.operations.siblings import Siblings
from gateway.state.live import Live
from gateway.state.overview import overview, shown


class Operations:
    """The endpoints for operators; `queues` is None where commands travel by MQTT.

    The processes of one port, if there are several, have the directory `shared`.
    """

    def __init__(
        self,
        live: Live,
        metrics: Metrics,
        queues: Queues | None,
        shared: Path | None,
    ) -> None:
        self._live = live
        self._metrics = metrics
        self._queues = queues
        self.siblings = [Siblings(shared, metrics.text)] if shared else []
        """Must run for the metrics of all processes to be told."""

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/metrics", self.metrics), Route("/api/overview", self.overview)]

    async def metrics(self, request: Request) -> Response:
        """200 and the metrics of all processes of this port as text."""
        principal.of(request.scope).need("operate")
        accept = request.headers.get("accept", "")
        told = {pid: text for each in self.siblings for pid, text in each.told().items()}
        text, content_type = self._metrics.render(accept, await self._lengths(), told)
        return Response(text, headers={"Content-Type": content_type})

    async def overview(self, request: Request) -> Response:
        """200 and the overview; `dead` is the number of dead letters, null when not known."""
        principal.of(request.scope).need("operate")
        requests.no_query(request.query_params.multi_items())
        dead = (await self._lengths()).get(BUILDS_DEAD)
        unfinished = self._live.board.unfinished()
        now = overview(unfinished, self._live.workers(), datetime.now(UTC), self._live.lost)
        body = msgspec.structs.asdict(now) | {"workers": shown(now.workers), "dead": dead}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def _lengths(self) -> dict[str, int]:
        return await self._queues.lengths() if self._queues else {}

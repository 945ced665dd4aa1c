"""Edge: HTTP for operators. `/metrics` for Prometheus, `/api/overview` and `/api/operations`.

Who may operate sees figures. Of single builds and jobs one sees here what one may read elsewhere.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.broker.amqp.topology import BUILDS_DEAD
from gateway.access import principal
from gateway.access.principal import Principal
from gateway.http import requests
from gateway.http.projects import may_know_jobs
from gateway.operations.metrics import Metrics
from gateway.operations.processes import processes
from gateway.operations.queues import Queues
from gateway.operations.siblings import Siblings
from gateway.state.crew import Member, crew
from gateway.state.live import Live
from gateway.state.overview import Overview, overview, shown

NAMED: Final = 20
"""Builds and jobs of a worker that are told one by one."""


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
        return [
            Route("/metrics", self.metrics),
            Route("/api/overview", self.overview),
            Route("/api/operations", self.operations),
        ]

    async def metrics(self, request: Request) -> Response:
        """200 and the metrics of all processes of this port as text."""
        principal.of(request.scope).need("operate")
        accept = request.headers.get("accept", "")
        text, content_type = self._metrics.render(accept, await self._lengths(), self._told())
        return Response(text, headers={"Content-Type": content_type})

    async def overview(self, request: Request) -> Response:
        """200 and the overview; `dead` is the number of dead letters, null when not known."""
        principal.of(request.scope).need("operate")
        requests.no_query(request.query_params.multi_items())
        dead = (await self._lengths()).get(BUILDS_DEAD)
        now = self._now()
        body = msgspec.structs.asdict(now) | {"workers": shown(now.workers), "dead": dead}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def operations(self, request: Request) -> Response:
        """200 and the overview, what each worker runs and offers, the queues and the processes."""
        who = principal.of(request.scope)
        who.need("operate")
        requests.no_query(request.query_params.multi_items())
        lengths = await self._lengths()
        now = self._now()
        members = {
            each.worker: each
            for each in crew(self._live.board.unfinished(), self._live.workers(), self._live.lost)
        }
        body = msgspec.structs.asdict(now) | {
            "workers": [
                msgspec.structs.asdict(each) | _in_full(members.get(each.worker), who)
                for each in shown(now.workers)
            ],
            "dead": lengths.get(BUILDS_DEAD),
            "queues": lengths if self._queues else None,
            "processes": processes(self._told() or {str(os.getpid()): self._metrics.text()}),
        }
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(body), 200, headers, media_type="application/json")

    def _now(self) -> Overview:
        live = self._live
        return overview(live.board.unfinished(), live.workers(), datetime.now(UTC), live.lost)

    def _told(self) -> dict[str, str]:
        """Return the metrics of each process of this port, by its id; empty if it is alone."""
        return {pid: text for each in self.siblings for pid, text in each.told().items()}

    async def _lengths(self) -> dict[str, int]:
        return await self._queues.lengths() if self._queues else {}


def _in_full(member: Member | None, who: Principal) -> dict[str, Any]:
    """Return what a worker runs and offers, as far as one may know of it, NAMED of each."""
    if member is None:  # the sum of others
        return {"builds": [], "jobs": [], "offered": 0, "pretends": False}
    builds = sorted(key for key in member.held if who.grants.sees(*key))
    jobs = [each for each in member.jobs if may_know_jobs(who, each.project)]
    return {
        "builds": [{"project": project, "build": build} for project, build in builds[:NAMED]],
        "jobs": [{"project": each.project, "job": each.job} for each in jobs[:NAMED]],
        "offered": len(jobs),
        "pretends": member.pretends,
    }

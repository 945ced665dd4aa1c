"""Edge: HTTP. `/api/projects`: the projects that one may know of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed import names
from gateway.access import principal
from gateway.access.principal import Principal
from gateway.http import requests
from gateway.queries.projects import Project, Projects
from gateway.state.live import Live

MAX_PAGE: Final = 200


class ProjectsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of projects: the name of the last one that is known, and how many to send."""

    after: names.Name | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50


class ProjectList:
    """The endpoint."""

    def __init__(self, live: Live, projects: Projects) -> None:
        self._live = live
        self._projects = projects

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/projects", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and `{"projects": [...], "next": name or null}`, by their names."""
        who = principal.of(request.scope)
        who.need_to_read()
        wanted = requests.query(request.query_params.multi_items(), ProjectsRequest)
        offers: dict[str, list[dict[str, Any]]] = {}
        for each in self._live.offers(lambda project: may_know_jobs(who, project)).jobs:
            shown_job = {"job": each.job, "parameters": each.parameters}
            offers.setdefault(each.project, []).append(shown_job)
        found, last = await self._projects.page(
            who.grants.selection,
            set(offers),
            datetime.now(UTC),
            after="" if isinstance(wanted.after, UnsetType) else wanted.after,
            most=wanted.limit,
        )
        shown = [self._shown(each, offers.get(each.project, [])) for each in found]
        body = {"projects": shown, "next": last}
        return Response(msgspec.json.encode(body), media_type="application/json")

    def _shown(self, project: Project, jobs: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "project": project.project,
            "newest": self._live.body(project.newest) if project.newest else None,
            "builds": project.builds,
            "succeeded": project.succeeded,
            "seconds": project.seconds,
            "jobs": jobs,
        }


def may_know_jobs(who: Principal, project: str) -> bool:
    """Tell whether the jobs of a project are shown: not to who may read single builds alone."""
    readable = who.grants.selection
    whole = readable.everything or project in readable.projects
    return whole or who.grants.may("start", project)

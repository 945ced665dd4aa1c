"""Edge: HTTP. `/badge/{project}.svg`: how the newest build of a project ended, as a picture."""

from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed import names
from gateway.access import principal
from gateway.http import badge, etags, requests
from gateway.http.links import Links
from gateway.queries.builds import Builds

CACHE_SECONDS: Final = 30
"""Seconds for which a badge is shown again without asking."""


class BadgeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a badge: the job whose builds count, without one those of all."""

    job: names.Name | UnsetType = UNSET


class Badges:
    """The endpoint."""

    def __init__(self, builds: Builds, links: Links) -> None:
        self._builds = builds
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/badge/{project}.svg", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and a picture of how the newest ended build of a project went; 304 if it is known.

        Raises Problem, as if there were no such project, for somebody who may read nothing of it.
        """
        project = requests.name("project", request.path_params["project"])
        who = principal.of(request.scope)
        who.need_to_know(project)
        wanted = requests.query(request.query_params.multi_items(), BadgeRequest)
        job = None if isinstance(wanted.job, UnsetType) else wanted.job
        state = await self._builds.newest_ended(project, who.grants.selection, job)
        word = state.newest.object.status if state else badge.NO_BUILDS
        picture = badge.draw(f"{project} {job}" if job else project, word).encode()
        tag = etags.tag(picture)
        cached_by = "public" if who.anonymous else "private"
        headers = {"Cache-Control": f"{cached_by}, max-age={CACHE_SECONDS}", "ETag": tag}
        if who.anonymous and self._links.is_named(request):
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if etags.is_known(tag, request.headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(picture, headers=headers, media_type=badge.MEDIA_TYPE)

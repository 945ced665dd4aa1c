"""Edge: HTTP. `/badge/{project}.svg`: how the newest build of a project ended, as a picture."""

import hashlib
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.access import principal
from gateway.http import badge, requests
from gateway.http.links import Links
from gateway.queries.builds import Builds

CACHE_SECONDS: Final = 30
"""Seconds for which a badge is shown again without asking."""


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
        requests.no_query(request.query_params.multi_items())
        state = await self._builds.newest_ended(project, who.grants.selection)
        word = state.newest.object.status if state else badge.NO_BUILDS
        picture = badge.draw(project, word).encode()
        tag = f'"{hashlib.sha256(picture).hexdigest()[:32]}"'
        cached_by = "public" if who.anonymous else "private"
        headers = {"Cache-Control": f"{cached_by}, max-age={CACHE_SECONDS}", "ETag": tag}
        if who.anonymous and self._links.is_named(request):
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if _is_known(tag, request.headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(picture, headers=headers, media_type=badge.MEDIA_TYPE)


def _is_known(tag: str, headers: Headers) -> bool:
    """Tell whether `If-None-Match` names the tag (RFC 9110 §13.1.2: W/ makes no difference)."""
    named = [each.strip().removeprefix("W/") for each in _values(headers, "if-none-match")]
    return tag in named or named == ["*"]


def _values(headers: Headers, name: str) -> list[str]:
    return [each for line in headers.getlist(name) for each in line.split(",")]

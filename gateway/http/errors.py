"""Edge: HTTP. The errors of a build, each with its text and a number that stays."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.activity import Activity, timestamp
from gateway.access import principal
from gateway.http import requests
from gateway.problems import unknown_build
from gateway.queries.builds import Builds

MAX_PAGE: Final = 100
"""Errors of a page: each may have 32 KiB."""


class ErrorsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of errors: the number of the last one that is known, and how many to send."""

    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class Errors:
    """The endpoint."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/projects/{project}/builds/{build}/errors", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and `{"errors": [...], "next": number or null}`, in the order they were recorded."""
        project = requests.name("project", request.path_params["project"])
        build = requests.name("build", request.path_params["build"])
        principal.of(request.scope).readable(project, build, ["error"])
        wanted = requests.query(request.query_params.multi_items(), ErrorsRequest)
        if await self._builds.find(project, build) is None:
            raise unknown_build(project, build)
        found = await self._builds.errors(project, build, wanted.after, wanted.limit + 1)
        shown = [each for each in found if each[0] <= wanted.after + wanted.limit]
        more = len(found) > len(shown)
        body = {
            "errors": [_error(number, activity) for number, activity in shown],
            "next": wanted.after + wanted.limit if more else None,
        }
        return Response(msgspec.json.encode(body), media_type="application/json")


def _error(number: int, activity: Activity) -> dict[str, Any]:
    """Return an error as it is answered."""
    build = activity.object
    body: dict[str, Any] = {
        "number": number,
        "attempt": build.attempt,
        "seq": build.seq,
        "worker": activity.worker,
        "published": timestamp(activity.published),
        "text": activity.content or build.error or "",
    }
    if activity.source is not UNSET:
        body["source"] = activity.source
    return body

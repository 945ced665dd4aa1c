"""Edge: HTTP for operators. `/api/dead`: the starts that were given up, to retry or to drop."""

from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.activity import timestamp
from buildfeed.broker.amqp.dead_letters import DeadLetter
from buildfeed.text import printable
from gateway.access import principal
from gateway.access.principal import Principal
from gateway.http import requests
from gateway.http.audited import audited
from gateway.http.links import Links
from gateway.operations.dead_letters import MOST, DeadLetters
from gateway.problems import Problem

_SHOWN = 200
"""Characters of what may be anything."""


class DeadLetterRoutes:
    """The endpoints; `letters` is None where commands travel by MQTT: nothing is kept there."""

    def __init__(self, letters: DeadLetters | None, links: Links) -> None:
        self._letters = letters
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [
            Route("/api/dead", self.show),
            Route("/api/dead/{project}/{build}/retry", self.retry, methods=["POST"]),
            Route("/api/dead/{project}/{build}", self.drop, methods=["DELETE"]),
        ]

    async def show(self, request: Request) -> Response:
        """200 and the dead letters, oldest first; those of builds that one may not see are counted.

        What is no start, and may have any name, is shown to who may read everything.
        """
        who = principal.of(request.scope)
        who.need("operate")
        requests.no_query(request.query_params.multi_items())
        found = await self._letters.read() if self._letters else []
        told = found[:MOST]
        shown = [each for each in told if _may_see(who, each)]
        body = {
            "kept": self._letters is not None,
            "letters": [_told(each) for each in shown],
            "hidden": len(told) - len(shown),
            "more": len(found) > MOST,
        }
        return _json(body, HTTPStatus.OK, {"Cache-Control": "no-store"})

    async def retry(self, request: Request) -> Response:
        """202 and the new build that a start which was given up begins again as."""
        with audited(request, "retry") as asked:
            project, build, who = _asked(request)
            who.need("start", project)
            new = await self._letters.retry(project, build) if self._letters else None
            if new is None:
                raise _unknown(build)
            asked.subject = f"{project}/{build} {new.build}"
        place = self._links.path(f"/api/projects/{project}/builds/{new.build}")
        body = {"project": project, "build": new.build}
        return _json(body, HTTPStatus.ACCEPTED, {"Location": place})

    async def drop(self, request: Request) -> Response:
        """204; a start that was given up is removed for good."""
        with audited(request, "drop"):
            project, build, who = _asked(request)
            who.need("stop", project)
            if not (self._letters and await self._letters.drop(project, build)):
                raise _unknown(build)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _asked(request: Request) -> tuple[str, str, Principal]:
    """Return project, build and who asks; raises Problem for who may not know of the build."""
    project = requests.name("project", request.path_params["project"])
    build = requests.name("build", request.path_params["build"])
    who = principal.of(request.scope)
    who.need("operate")
    requests.no_query(request.query_params.multi_items())
    who.need_to_see(project, build)
    return project, build, who


def _may_see(who: Principal, letter: DeadLetter) -> bool:
    return who.grants.selection.everything or who.grants.sees(letter.project, letter.build)


def _told(letter: DeadLetter) -> dict[str, Any]:
    start = letter.start
    by = start.by if start else None
    job = start.job if start else None
    return {
        "project": printable(letter.project[:_SHOWN]),
        "build": printable(letter.build[:_SHOWN]),
        "retryable": start is not None,
        "reason": printable(letter.reason[:_SHOWN]),
        "attempts": letter.attempts,
        "died": timestamp(letter.died) if letter.died else None,
        "by": None if isinstance(by, UnsetType) else by,
        "job": None if isinstance(job, UnsetType) else job,
    }


def _unknown(build: str) -> Problem:
    detail = f"There is no dead letter of build {build}."
    return Problem(HTTPStatus.NOT_FOUND, "unknown-dead-letter", detail)


def _json(body: object, status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status.value, headers, media_type="application/json")

"""Edge: HTTP. Start and stop, a list of builds, one build, its activities."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
from msgspec import UnsetType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.activity import MEDIA_TYPE
from buildfeed.board import BuildState
from buildfeed.topics import KINDS
from gateway import http_connection
from gateway.access import principal
from gateway.access.proxies import owner
from gateway.commands.admission import Caller
from gateway.commands.commands import Commands
from gateway.commands.requests import StartRequest, StopRequest
from gateway.drain import Drain
from gateway.http import collection, requests
from gateway.http.audited import audited
from gateway.http.links import Links
from gateway.http.requests import MAX_BODY_BYTES, ActivitiesRequest
from gateway.problems import Problem, unknown_build
from gateway.queries.builds import Builds
from gateway.queries.listing import ListRequest
from gateway.state.counters import Counters
from gateway.state.live import Live


class Api:
    """The endpoints under `/api/builds` and `/api/projects`."""

    def __init__(
        self,
        live: Live,
        builds: Builds,
        commands: Commands,
        counters: Counters,
        drain: Drain,
        *,
        links: Links,
    ) -> None:
        self._live = live
        self._builds = builds
        self._commands = commands
        self._counters = counters
        self._drain = drain
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        project = "/api/projects/{project}/builds"
        return [
            Route("/api/builds", self.list_builds),
            Route(project, self.start, methods=["POST"]),
            Route(project + "/{build}", self.build),
            Route(project + "/{build}/activities", self.activities),
            Route(project + "/{build}/stop", self.stop, methods=["POST"]),
        ]

    async def start(self, request: Request) -> Response:
        """202 and the new build; with `Prefer: wait=N` 200 and the ended one."""
        with _counted(self._counters.starts), audited(request, "start") as asked:
            project = requests.name("project", request.path_params["project"])
            who = principal.of(request.scope)
            who.need("start", project)
            requests.no_query(request.query_params.multi_items())
            wanted = requests.body(await payload(request), StartRequest)
            wanted = msgspec.structs.replace(wanted, by=who.acts_as(wanted.by))
            key = requests.idempotency_key(_header(request, "idempotency-key"))
            if key and not who.anonymous:
                key = f"{who.name} {key}"  # no key has a space: it belongs to this principal
            state = await self._commands.start(project, wanted, key, _caller(request))
            asked.subject = f"{project}/{state.newest.object.build}"
        status = HTTPStatus.ACCEPTED
        place = f"/api/projects/{project}/builds/{state.newest.object.build}"
        headers = {"Location": self._links.path(place)}
        if seconds := requests.wait_seconds(_header(request, "prefer") or ""):
            headers["Preference-Applied"] = f"wait={seconds:.0f}"
            gone = http_connection.of(request.scope).gone()
            if ended := await self._builds.ended(state, seconds, self._drain.turn(), gone):
                state, status = ended, HTTPStatus.OK
        return self._one(state, status, headers)

    async def stop(self, request: Request) -> Response:
        """202 and the build, which is `stopping` from now on, or `stopped` already."""
        with _counted(self._counters.stops), audited(request, "stop"):
            project, build = self._named(request)
            who = principal.of(request.scope)
            who.need("stop", project)
            requests.no_query(request.query_params.multi_items())
            wanted = requests.body(await payload(request), StopRequest)
            by = who.acts_as(wanted.by)
            state = await self._commands.stop(project, build, by, _caller(request))
        return self._one(state, HTTPStatus.ACCEPTED)

    async def build(self, request: Request) -> Response:
        """200 and the newest state; the build `latest` is the newest of its project."""
        project, build = self._named(request)
        who = principal.of(request.scope)
        requests.no_query(request.query_params.multi_items())
        if build == "latest":
            who.need_to_read()
            state = await self._builds.latest(project, who.grants.selection)
        else:
            who.need_to_see(project, build)
            state = await self._builds.find(project, build)
        if state is None:
            raise unknown_build(project, build)
        return self._one(state, HTTPStatus.OK)

    async def list_builds(self, request: Request) -> Response:
        """200 and `{"builds": [...], "next": cursor or null}`, newest first."""
        who = principal.of(request.scope)
        who.need_to_read()
        query = requests.query(request.query_params.multi_items(), ListRequest)
        page, cursor = await self._builds.newest(query, who.grants.selection)
        body = {"builds": [self._live.body(state) for state in page], "next": cursor}
        return _json(body, HTTPStatus.OK)

    async def activities(self, request: Request) -> Response:
        """200 and the activities of a build, oldest first: a collection, or a page of it."""
        project, build = self._named(request)
        who = principal.of(request.scope)
        asked, parameters = requests.kinds(request.query_params.multi_items())
        every = asked or tuple(KINDS)
        readable = who.readable(project, build, every)
        kinds = asked if readable == every else readable
        wanted = requests.query(parameters, ActivitiesRequest)
        url = self._links.here(request)
        if await self._builds.find(project, build) is None:
            raise unknown_build(project, build)
        total = await self._builds.count_activities(project, build, kinds)
        if isinstance(wanted.after, UnsetType):
            body = collection.collection(url, total, kinds)
        else:
            limit = collection.PAGE + 1
            rows = await self._builds.activities(project, build, kinds, wanted.after, limit)
            body = collection.page(url, total, wanted.after, rows, kinds)
        return _json(body, HTTPStatus.OK, media_type=MEDIA_TYPE)

    @staticmethod
    def _named(request: Request) -> tuple[str, str]:
        project = requests.name("project", request.path_params["project"])
        return project, requests.name("build", request.path_params["build"])

    def _one(
        self, state: BuildState, status: HTTPStatus, headers: dict[str, str] | None = None
    ) -> Response:
        return _json(self._live.body(state), status, headers)


@contextmanager
def _counted(outcomes: Counter[str]) -> Iterator[None]:
    """Count how a command ends: `accepted`, or the slug of the problem."""
    try:
        yield
    except Problem as problem:
        outcomes[problem.slug] += 1
        raise
    outcomes["accepted"] += 1


def _caller(request: Request) -> Caller:
    """Return whom limits count: the owner of the client's address, and who is signed in."""
    who = principal.of(request.scope)
    address = owner(request.client.host) if request.client else ""
    return Caller(address, "" if who.anonymous else who.name)


def _json(
    body: object,
    status: HTTPStatus,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    return Response(msgspec.json.encode(body), status.value, headers, media_type=media_type)


def _header(request: Request, name: str) -> str | None:
    """Return all lines of a header as one (RFC 9110 §5.3), None when there is none."""
    return ", ".join(request.headers.getlist(name)) if name in request.headers else None


async def payload(request: Request) -> bytes:
    """Return the body; raise Problem 413 as soon as it is too large, 415 for a compressed one."""
    requests.not_encoded(_header(request, "content-encoding") or "identity")
    payload = b""
    try:
        async for chunk in request.stream():
            payload += chunk
            if len(payload) > MAX_BODY_BYTES:
                detail = f"The body is over {MAX_BODY_BYTES} bytes."
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    except ClientDisconnect as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", "The body ended early.") from exc
    return payload

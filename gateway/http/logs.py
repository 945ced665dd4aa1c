"""Edge: HTTP. The output of a build as text, whole or a range of its bytes."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from buildfeed.errors import HistoryUnavailable
from gateway import http_connection
from gateway.access import principal
from gateway.http import byte_ranges, etags, requests
from gateway.http.byte_ranges import Unsatisfiable
from gateway.http.links import Links
from gateway.problems import Problem, unknown_build
from gateway.queries.builds import Builds
from gateway.queries.output_text import OutputText
from gateway.queries.outputs import OutputGone, Outputs

MEDIA_TYPE: Final = "text/plain; charset=utf-8"


class LogRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of an output; without `attempt` it is that of the newest that has any."""

    attempt: Annotated[int, Meta(ge=1, le=2**53 - 1)] | UnsetType = UNSET


class Logs:
    """The endpoint."""

    def __init__(self, builds: Builds, outputs: Outputs, links: Links) -> None:
        self._builds = builds
        self._outputs = outputs
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/projects/{project}/builds/{build}/log", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and the output of a build; 206 and the bytes of a `Range`, 304 if it is known."""
        project = requests.name("project", request.path_params["project"])
        build = requests.name("build", request.path_params["build"])
        principal.of(request.scope).readable(project, build, ["log"])
        wanted = requests.query(request.query_params.multi_items(), LogRequest)
        if await self._builds.find(project, build) is None:
            raise unknown_build(project, build)
        attempt = None if isinstance(wanted.attempt, UnsetType) else wanted.attempt
        output = await self._outputs.find(project, build, attempt)
        tag = etags.tag(output.tag)
        place = self._links.path(request.url.path)
        if output.attempt:
            place += f"?attempt={output.attempt}"
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Content-Location": place}
        if etags.is_known(tag, request.headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return self._answer(request, output.text, headers)

    def _answer(self, request: Request, text: OutputText, headers: dict[str, str]) -> Response:
        status, span = HTTPStatus.OK, _asked(request.headers, text.size, headers["ETag"])
        begin, end = span or (0, text.size)
        if span:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{text.size}"
        headers["Content-Length"] = str(end - begin)
        if request.method == "HEAD":
            return Response(None, status, headers, media_type=MEDIA_TYPE)
        content = self._content(request, text, begin, end)
        return StreamingResponse(content, status, headers, media_type=MEDIA_TYPE)

    async def _content(
        self, request: Request, text: OutputText, begin: int, end: int
    ) -> AsyncIterator[bytes]:
        """Yield the bytes; when they cannot be read, the connection ends, as a length was told."""
        try:
            async for content in self._outputs.read(text, begin, end):
                yield content
        except (OutputGone, HistoryUnavailable):
            http_connection.of(request.scope).abort()


def _asked(headers: Mapping[str, str], size: int, tag: str) -> tuple[int, int] | None:
    """Return the range to be sent, None for the whole; raises Problem for one that is not there.

    `If-Range` (RFC 9110 §13.1.5) has the whole sent, if the output is not what its tag says.
    """
    if headers.get("if-range", tag) != tag:
        return None
    try:
        return byte_ranges.asked(headers.get("range"), size)
    except Unsatisfiable:
        detail = f"There is nothing in this range: the output has {size} bytes by now."
        raise Problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "no-such-range",
            detail,
            headers={"Content-Range": f"bytes */{size}"},
        ) from None

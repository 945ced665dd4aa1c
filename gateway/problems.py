"""Errors on HTTP: RFC 9457 `application/problem+json`, one sentence each, never a traceback.

Whoever prefers HTML, as browsers do that open an address, gets a page with the same words.
"""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

from buildfeed.text import printable
from gateway import problem_page
from gateway.accept import prefers_html

MEDIA_TYPE = "application/problem+json"

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The files of an upgrade must be seen at the next load; their ETag makes that cheap.
    "cache-control": "no-cache",
}
"""Headers of every answer."""

STRICT_TRANSPORT: Final = "strict-transport-security", "max-age=31536000"
"""Header (RFC 6797 §6.1) of answers to hosts that browsers reach by https: for a year they use
nothing else. Other hosts of the same domain are not ours to decide about."""


class Problem(Exception):
    """An answer that says what is wrong and what to do.

    `slug` ends the problem's type `urn:buildfeed:problem:{slug}` (RFC 9457 §3.1.1) and is stable;
    `detail` may quote what a stranger sent, which becomes printable; `extra` are further members.
    `principal` is who is refused, where only the refusal knows; it is told to nobody.
    """

    principal: str = ""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,  # noqa: ANN401 - extension members are any JSON (RFC 9457 §3.2)
    ) -> None:
        detail = printable(detail)
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = headers
        self.extra = extra


def answer(problem: Problem, accept: str = "", home: str = "/") -> Response:
    """Return the response that tells the problem, in the form that the header `accept` prefers.

    `home` is the address of the page. The response has the security headers already: that to a bug
    of ours passes no middleware.
    """
    headers = {**SECURITY_HEADERS, "vary": "Accept", **(problem.headers or {})}
    if prefers_html(accept):
        headers["content-security-policy"] += f"; style-src {problem_page.STYLE_SOURCE}"
        back = None if problem.status == HTTPStatus.MISDIRECTED_REQUEST else home
        text = problem_page.page(problem.status.phrase, problem.detail, back)
        return Response(text, problem.status.value, headers, media_type="text/html")
    body = {
        "type": f"urn:buildfeed:problem:{problem.slug}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        **problem.extra,
    }
    return Response(
        msgspec.json.encode(body),
        problem.status.value,
        headers,
        media_type=MEDIA_TYPE,
    )


def encoded(problem: Problem, accept: str = "", *, is_secure: bool = False) -> bytes:
    """Return the whole HTTP/1.1 response that tells the problem, for a connection that ends.

    `is_secure` tells whether browsers may be told to come to the host by https alone.
    """
    response = answer(problem, accept)
    fields = {**response.headers, "connection": "close"}
    if is_secure:
        fields.update([STRICT_TRANSPORT])
    head = [f"HTTP/1.1 {problem.status.value} {problem.status.phrase}"]
    head += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*head, "", ""]).encode() + bytes(response.body)


def unknown_build(project: str, build: str) -> Problem:
    """Return the 404 for a build that neither the board nor history knows."""
    detail = f"There is no build {build} in project {project}."
    return Problem(HTTPStatus.NOT_FOUND, "unknown-build", detail)


def unknown_project(project: str) -> Problem:
    """Return the 404 for a project that one may not know of."""
    detail = f"There is no project {project}."
    return Problem(HTTPStatus.NOT_FOUND, "unknown-project", detail)

"""The problems that each endpoint may answer with, for its description.

Tests hold the table and the code together: every problem that the gateway raises over HTTP is here,
with its status, and topics.md explains it.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from gateway.access.principal import WHY
from gateway.http import answer_headers

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_ERROR: Final[Json] = {
    "type": "object",
    "required": ["pointer", "detail"],
    "properties": {"pointer": _TEXT, "detail": _TEXT},
}


class ProblemType(msgspec.Struct, frozen=True):
    """A type of problem (RFC 9457 §3.1.1) with its status, and the members that it has besides.

    The members in `optional` are not always there.
    """

    slug: str
    status: int
    members: Json = {}
    optional: Json = {}

    @property
    def name(self) -> str:
        """The name of its schema."""
        return f"{PREFIX}{self.slug}"

    def schema(self, base: Json) -> Json:
        """Return its schema, which extends that of any problem."""
        own = {
            "type": {"const": f"urn:buildfeed:problem:{self.slug}"},
            "status": {"const": self.status},
        }
        members = {"properties": own | self.members | self.optional}
        return {"allOf": [base, members | {"required": ["type", "status", *self.members]}]}


PREFIX: Final = "problem."

TYPES: Final = {
    each.slug: each
    for each in (
        ProblemType("bad-name", 400),
        ProblemType("bad-filter", 400),
        ProblemType("bad-query", 400),
        ProblemType("not-json", 400),
        ProblemType("bad-host", 400),
        ProblemType("bad-origin", 400),
        ProblemType("bad-http", 400),
        ProblemType("bad-key", 400),
        ProblemType("needs-https", 400),
        ProblemType("bad-sign-in", 400),
        ProblemType("not-signed-in", 401, {"reason": {"enum": list(WHY)}}),
        ProblemType("not-allowed", 403, optional={"grant": _TEXT}),
        ProblemType("foreign-origin", 403),
        ProblemType("unknown-build", 404),
        ProblemType("unknown-project", 404),
        ProblemType("unknown-dead-letter", 404),
        ProblemType("too-slow", 408),
        ProblemType("already-ended", 409),
        ProblemType("key-reused", 409, {"build": _TEXT}),
        ProblemType("not-a-start", 409),
        ProblemType("no-length", 411),
        ProblemType("too-large", 413),
        ProblemType("bad-encoding", 415),
        ProblemType("no-such-range", 416),
        ProblemType("bad-expectation", 417),
        ProblemType("foreign-host", 421),
        ProblemType("no-such-job", 422),
        ProblemType("bad-field", 422, {"errors": {"type": "array", "items": _ERROR}}),
        ProblemType("head-too-large", 431),
        ProblemType("too-many-starts", 429, {"limit": _TEXT}),
        ProblemType("too-many-stops", 429, {"limit": _TEXT}),
        ProblemType("queue-full", 429, {"limit": _TEXT}),
        ProblemType("too-many-attempts", 429),
        ProblemType("too-many-links", 429),
        ProblemType("internal", 500),
        ProblemType("bad-coding", 501),
        ProblemType(
            "broker-unavailable",
            503,
            {"project": _TEXT, "build": _TEXT, "sent": {"type": "boolean"}},
        ),
        ProblemType("history-unavailable", 503),
        ProblemType("provider-unavailable", 503),
        ProblemType("dead-letters-unavailable", 503),
        ProblemType("too-many-connections", 503),
        ProblemType("not-ready", 503),
        ProblemType("bad-version", 505),
    )
}
"""Every problem of the API, by the end of its type; those of `/socket.io/` are not in it."""

OF_REQUESTS: Final = (
    *("bad-http", "bad-host", "bad-origin", "too-slow", "no-length", "bad-expectation"),
    *("foreign-host", "head-too-large", "internal", "bad-coding", "too-many-connections"),
    *("needs-https", "bad-version"),
)
"""Problems of any request, before an endpoint is asked, and a bug of ours."""
_OF_CALLERS: Final = (
    *("needs-https", "not-signed-in", "not-allowed", "too-many-attempts"),
    *("history-unavailable", "provider-unavailable"),
)
"""Problems with who asks."""
_OF_BODIES: Final = "not-json", "bad-field", "too-large", "bad-encoding"
_CALLED: Final = "/api/", "/badge/", "/metrics", "/s/", "/login/"
"""What begins the paths at which it matters who asks."""
_READS: Final = "get"

_BUILDS: Final = "/api/projects/{project}/builds"
_BUILD: Final = f"{_BUILDS}/{{build}}"
_DEAD: Final = "/api/dead/{project}/{build}"
_OF_DEAD: Final = (
    "bad-query",
    "unknown-build",
    "unknown-dead-letter",
    "dead-letters-unavailable",
)
_OWN: Final = {
    ("get", "/api/builds"): ("bad-query",),
    ("get", "/api/projects"): ("bad-query",),
    ("post", _BUILDS): (
        *("bad-query", "bad-key", "key-reused", "no-such-job", "too-many-starts", "queue-full"),
        "broker-unavailable",
    ),
    ("get", _BUILD): ("bad-query", "unknown-build"),
    ("get", f"{_BUILD}/activities"): ("bad-query", "unknown-build"),
    ("get", f"{_BUILD}/log"): ("bad-query", "unknown-build", "no-such-range"),
    ("get", f"{_BUILD}/errors"): ("bad-query", "unknown-build"),
    ("post", f"{_BUILD}/stop"): (
        *("bad-query", "unknown-build", "already-ended", "too-many-stops", "broker-unavailable"),
    ),
    ("post", f"{_BUILD}/share"): ("unknown-build", "too-many-links"),
    ("get", "/api/session"): ("bad-query",),
    ("get", "/login/oidc"): ("bad-query",),
    ("get", "/login/oidc/callback"): ("bad-sign-in",),
    ("get", "/badge/{project}.svg"): ("bad-query", "unknown-project"),
    ("get", "/api/events"): ("bad-query", "bad-filter"),
    ("get", "/api/jobs"): ("bad-query",),
    ("get", "/api/phone"): ("bad-query",),
    ("get", "/api/overview"): ("bad-query",),
    ("get", "/api/operations"): ("bad-query",),
    ("get", "/api/dead"): ("bad-query", "dead-letters-unavailable"),
    ("post", f"{_DEAD}/retry"): (*_OF_DEAD, "not-a-start"),
    ("delete", _DEAD): _OF_DEAD,
    ("get", "/readyz"): ("not-ready",),
    ("get", "/api/openapi.json"): ("bad-query",),
    ("get", "/api/asyncapi.json"): ("bad-query",),
}
"""What only some endpoints answer, by method and path."""


def possible(method: str, path: str, names: Iterable[str], *, body: bool) -> list[ProblemType]:
    """Return the problems of an endpoint, by their statuses, but for those of any request.

    `names` are its parameters that have to be names; `body` tells whether it takes one.
    """
    slugs: list[str] = [*_OWN.get((method, path), ())]
    slugs += ["bad-name"] if list(names) else []
    slugs += _OF_BODIES if body else ()
    slugs += [] if method == _READS else ["foreign-origin"]
    slugs += _OF_CALLERS if path.startswith(_CALLED) else ()
    found = [TYPES[slug] for slug in dict.fromkeys(slugs)]
    return sorted(found, key=lambda each: each.status)


def responses(types: Sequence[ProblemType], media_type: str) -> dict[str, Json]:
    """Return the OpenAPI responses with these problems, by their statuses."""
    found: dict[str, list[ProblemType]] = {}
    for each in types:
        found.setdefault(str(each.status), []).append(each)
    return {status: _response(problems, media_type) for status, problems in found.items()}


def _response(problems: Sequence[ProblemType], media_type: str) -> Json:
    references = [{"$ref": f"#/components/schemas/{each.name}"} for each in problems]
    schema = {"oneOf": references} if references[1:] else references[0]
    slugs = ", ".join(each.slug for each in problems)
    status = HTTPStatus(problems[0].status)
    return {
        "description": f"{status.phrase}: {slugs}.",
        **answer_headers.headers(status),
        "content": {media_type: {"schema": schema}},
    }

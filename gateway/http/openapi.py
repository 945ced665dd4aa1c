"""Edge: HTTP. `/api/openapi.json`: the API as OpenAPI 3.1, made from the routing table.

Paths, methods, names in paths and summaries are those of the routes; bodies, queries and answers
are those of the types. A route that `_OPERATIONS` does not know is described without them.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self

import msgspec
from starlette.routing import BaseRoute, Route

from buildfeed import names
from buildfeed.activity import MEDIA_TYPE
from buildfeed.topics import KINDS, MAX_FILTERS
from gateway.commands.requests import StartRequest, StopRequest
from gateway.http import answer_headers, problem_types, vocabulary
from gateway.http.answers import (
    BuildAnswer,
    BuildsAnswer,
    DeadLettersAnswer,
    ErrorsAnswer,
    HealthAnswer,
    JobsAnswer,
    KeyAnswer,
    OperationsAnswer,
    OverviewAnswer,
    PhoneAnswer,
    ProblemAnswer,
    ProjectsAnswer,
    SessionAnswer,
    ShareAnswer,
)
from gateway.http.badge import MEDIA_TYPE as BADGE
from gateway.http.badges import BadgeRequest
from gateway.http.collection import Collection, CollectionPage
from gateway.http.cookies import OF_SESSIONS
from gateway.http.description import ASYNCAPI, JSON, OPENAPI, Description, version
from gateway.http.errors import ErrorsRequest
from gateway.http.logs import LogRequest
from gateway.http.problem_types import TYPES, ProblemType
from gateway.http.projects import ProjectsRequest
from gateway.http.requests import KEY, MAX_WAIT_SECONDS, ActivitiesRequest, SignInQuery
from gateway.http.sessions import ShareRequest, SignInRequest
from gateway.oidc.code_flow import BEGIN, END
from gateway.problems import MEDIA_TYPE as PROBLEM
from gateway.queries.listing import ListRequest

_LEFT_OUT: Final = "HEAD", "OPTIONS"
"""Methods that each path with a GET has."""
_NAMED: Final = "project", "build"
"""Parameters of a path that are names."""

Struct = type[msgspec.Struct]


class _Content(msgspec.Struct, frozen=True):
    """An answer of these media types; its JSON is one of the `types`, if there are any."""

    media_types: tuple[str, ...]
    types: tuple[Struct, ...] = ()


Answer = Struct | _Content | str | None
"""Of JSON, of other content, the media type of what is no JSON of ours, or nothing."""


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a route takes and answers; `headers` are those of its answers that are no problems.

    Those that belong to a status are not among them: see `answer_headers`.
    """

    body: Struct | None = None
    query: Struct | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    answers: Mapping[int, Answer]
    headers: tuple[str, ...] = ()


def _parameter(where: str, name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"name": name, "in": where, "schema": schema, **more}


_KINDS: Final = _parameter(
    "query", "kind", {"type": "array", "items": {"enum": list(KINDS)}}, style="form", explode=True
)
_WATCH: Final = _parameter(
    "query",
    "watch",
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_FILTERS},
    required=True,
    style="form",
    explode=True,
    description="Filters, as in builds/acme/#.",
)
_LAST_EVENT: Final = _parameter("header", "Last-Event-ID", {"type": "string"})
_KNOWN: Final = _parameter("header", "If-None-Match", {"type": "string"})
_RANGE: Final = _parameter("header", "Range", {"type": "string"}, example="bytes=0-65535")
_IF_RANGE: Final = _parameter("header", "If-Range", {"type": "string"})
_KEY: Final = _parameter("header", "Idempotency-Key", {"type": "string", "pattern": KEY})
_PREFER: Final = _parameter(
    "header",
    "Prefer",
    {"type": "string"},
    example="wait=60",
    description=f"`wait=N`: answer when the build has ended, after {MAX_WAIT_SECONDS} s at most.",
)

_OF_PROVIDER: Final = tuple(
    _parameter("query", name, {"type": "string"}) for name in ("code", "state", "iss", "error")
)
"""What an OpenID provider says of a sign-in; it may say more."""

_COOKIE: Final = ("Set-Cookie",)
_TAG: Final = ("ETag",)

_BUILDS: Final = "/api/projects/{project}/builds"
_BUILD: Final = f"{_BUILDS}/{{build}}"
_DEAD: Final = "/api/dead/{project}/{build}"
_OPERATIONS: Final = {
    ("get", "/api/builds"): _Operation(query=ListRequest, answers={200: BuildsAnswer}),
    ("get", "/api/projects"): _Operation(query=ProjectsRequest, answers={200: ProjectsAnswer}),
    ("post", _BUILDS): _Operation(
        body=StartRequest,
        parameters=(_KEY, _PREFER),
        answers={202: BuildAnswer, 200: BuildAnswer},
        headers=("Location",),
    ),
    ("get", _BUILD): _Operation(answers={200: BuildAnswer}),
    ("get", f"{_BUILD}/activities"): _Operation(
        query=ActivitiesRequest,
        parameters=(_KINDS,),
        answers={200: _Content((MEDIA_TYPE,), (Collection, CollectionPage))},
    ),
    ("get", f"{_BUILD}/log"): _Operation(
        query=LogRequest,
        parameters=(_RANGE, _IF_RANGE, _KNOWN),
        answers={200: "text/plain", 206: "text/plain", 304: None},
        headers=("Accept-Ranges", "Content-Location", "ETag"),
    ),
    ("get", f"{_BUILD}/errors"): _Operation(query=ErrorsRequest, answers={200: ErrorsAnswer}),
    ("post", f"{_BUILD}/stop"): _Operation(body=StopRequest, answers={202: BuildAnswer}),
    ("post", f"{_BUILD}/share"): _Operation(body=ShareRequest, answers={201: ShareAnswer}),
    ("get", "/api/session"): _Operation(answers={200: SessionAnswer}, headers=_COOKIE),
    ("post", "/api/session"): _Operation(
        body=SignInRequest, answers={200: SessionAnswer}, headers=_COOKIE
    ),
    ("delete", "/api/session"): _Operation(answers={204: None}, headers=_COOKIE),
    ("get", "/s/{secret}"): _Operation(answers={303: None}, headers=_COOKIE),
    ("get", BEGIN): _Operation(query=SignInQuery, answers={303: None}, headers=_COOKIE),
    ("get", END): _Operation(parameters=_OF_PROVIDER, answers={303: None}, headers=_COOKIE),
    ("get", "/badge/{project}.svg"): _Operation(
        query=BadgeRequest, parameters=(_KNOWN,), answers={200: BADGE, 304: None}, headers=_TAG
    ),
    ("get", "/api/events"): _Operation(
        parameters=(_WATCH, _LAST_EVENT), answers={200: "text/event-stream"}
    ),
    ("get", "/api/jobs"): _Operation(answers={200: JobsAnswer}),
    ("get", "/api/phone"): _Operation(answers={200: PhoneAnswer}),
    ("get", "/api/overview"): _Operation(answers={200: OverviewAnswer}),
    ("get", "/api/operations"): _Operation(answers={200: OperationsAnswer}),
    ("get", "/api/dead"): _Operation(answers={200: DeadLettersAnswer}),
    ("post", f"{_DEAD}/retry"): _Operation(answers={202: KeyAnswer}, headers=("Location",)),
    ("delete", _DEAD): _Operation(answers={204: None}),
    ("get", "/metrics"): _Operation(
        answers={200: _Content(("text/plain", "application/openmetrics-text"))}
    ),
    ("get", "/healthz"): _Operation(answers={200: HealthAnswer}),
    ("get", "/readyz"): _Operation(answers={200: HealthAnswer}),
    ("get", OPENAPI): _Operation(
        parameters=(_KNOWN,), answers={200: JSON, 304: None}, headers=_TAG
    ),
    ("get", ASYNCAPI): _Operation(
        parameters=(_KNOWN,), answers={200: JSON, 304: None}, headers=_TAG
    ),
}


def _structs(answer: Answer) -> Iterable[Struct]:
    if isinstance(answer, _Content):
        return answer.types
    return (answer,) if isinstance(answer, type) else ()


_TYPES: Final[tuple[Struct, ...]] = tuple(
    dict.fromkeys(
        each
        for operation in _OPERATIONS.values()
        for answer in (operation.body, operation.query, *operation.answers.values())
        for each in _structs(answer)
    )
)


class OpenApi(Description):
    """The endpoint; `routes` are those to describe, below `root`."""

    def __init__(self, routes: Iterable[BaseRoute], root: str) -> None:
        described = [*routes]
        super().__init__(OPENAPI, root, lambda: document([*described, *self.routes()], root))


def document(routes: Iterable[BaseRoute], root: str) -> dict[str, Any]:
    """Return the OpenAPI document of `routes`, which browsers reach below `root`."""
    paths: dict[str, dict[str, Any]] = {}
    types = _Types.all()
    for method, path, summary in _endpoints(routes):
        operation = _OPERATIONS.get((method, path), _Operation(answers={200: None}))
        described = _described(method, path, operation, types)
        paths.setdefault(path, {})[method] = {"summary": summary} | described
    problems = {each.name: each.schema(types.references[ProblemAnswer]) for each in TYPES.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Buildfeed",
            "version": version(),
            "description": (
                "Live build progress. topics.md is the contract; this is its HTTP. "
                f"{ASYNCAPI} has the topics and events. "
                "Ignore keys that you do not know: new ones may be added."
            ),
        },
        "servers": [{"url": root or "/"}],
        "security": [{}, {"token": []}, *({name: []} for name in OF_SESSIONS)],
        "paths": paths,
        "components": {
            "schemas": types.schemas | vocabulary.of_activity() | problems,
            "headers": answer_headers.components(),
            "responses": problem_types.responses(_EARLY, PROBLEM),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "bf_…, JWT"},
                **{
                    id_: {"type": "apiKey", "in": "cookie", "name": name, "description": where}
                    for id_, (name, where) in OF_SESSIONS.items()
                },
            },
        },
    }


def _endpoints(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and summary of each endpoint; of those that share a path, each."""
    for route in routes:
        if isinstance(route, Route):
            said = inspect.getdoc(route.endpoint) or ""
            for method in sorted((route.methods or set()) - {*_LEFT_OUT}):
                yield method.lower(), route.path, said.partition("\n\n")[0].replace("\n", " ")


class _Types(msgspec.Struct, frozen=True):
    """The schemas of all types by their names, and a reference to that of each."""

    references: dict[Struct, dict[str, Any]]
    schemas: dict[str, Any]

    @classmethod
    def all(cls) -> Self:
        """Return those of the operations and of problems."""
        every: list[Struct] = [*_TYPES, ProblemAnswer]
        references, schemas = msgspec.json.schema_components(every, ref_template=vocabulary.PLACE)
        return cls(dict(zip(every, references, strict=True)), schemas)

    def of(self, type_: Struct) -> dict[str, Any]:
        """Return the schema of a type."""
        found: dict[str, Any] = self.schemas[type_.__name__]
        return found


def _described(method: str, path: str, operation: _Operation, types: _Types) -> dict[str, Any]:
    """Return the OpenAPI operation of an endpoint."""
    in_path = re.findall(r"\{(\w+)", path)
    parameters = [_parameter("path", name, _in_path(name), required=True) for name in in_path]
    parameters += operation.parameters
    if operation.query:
        members = types.of(operation.query)["properties"].items()
        parameters += [_parameter("query", name, schema) for name, schema in members]
    named = [name for name in in_path if name in _NAMED]
    problems = problem_types.possible(method, path, named, body=operation.body is not None)
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method}{path}").strip("_"),
        "parameters": parameters,
        "responses": {
            **{
                str(code): _answer(what, types) | answer_headers.headers(code, operation.headers)
                for code, what in operation.answers.items()
            },
            **_REFUSED_EARLY,
            **problem_types.responses(_with_early(problems), PROBLEM),
            "default": {
                "description": "Another problem, which says why.",
                "content": {PROBLEM: {"schema": types.references[ProblemAnswer]}},
            },
        },
    }
    if operation.body:
        needed = bool(types.of(operation.body)["required"])
        content = {JSON: {"schema": types.references[operation.body]}}
        found["requestBody"] = {"required": needed, "content": content}
    return found


_EARLY: Final = [TYPES[slug] for slug in problem_types.OF_REQUESTS]
_REFUSED_EARLY: Final = {
    str(each.status): {"$ref": f"#/components/responses/{each.status}"} for each in _EARLY
}


def _with_early(problems: Sequence[ProblemType]) -> list[ProblemType]:
    """Return the problems, and those of any request that share a status with one of them."""
    statuses = {each.status for each in problems}
    early = [each for each in _EARLY if each.status in statuses and each not in problems]
    return [*problems, *early]


def _answer(answer: Answer, types: _Types) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "As the summary says."}
    if isinstance(answer, str):
        described["content"] = {answer: {}}
    elif isinstance(answer, _Content):
        forms = [types.references[each] for each in answer.types]
        content = {"schema": {"oneOf": forms}} if forms else {}
        described["content"] = dict.fromkeys(answer.media_types, content)
    elif answer:
        described["content"] = {JSON: {"schema": types.references[answer]}}
    return described


def _in_path(name: str) -> dict[str, Any]:
    return {"type": "string"} | ({"pattern": names.PATTERN} if name in _NAMED else {})

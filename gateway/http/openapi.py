"""Edge: HTTP. `/api/openapi.json`: the API as OpenAPI 3.1, made from the routing table.

Paths, methods, names in paths and summaries are those of the routes; bodies, queries and answers
are those of the types. A route that `_OPERATIONS` does not know is described without them.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Self

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed import names
from buildfeed.activity import MEDIA_TYPE
from buildfeed.topics import KINDS
from gateway.commands.requests import StartRequest, StopRequest
from gateway.http import requests
from gateway.http.answers import (
    BuildAnswer,
    BuildsAnswer,
    HealthAnswer,
    OverviewAnswer,
    PhoneAnswer,
    ProblemAnswer,
    SessionAnswer,
    ShareAnswer,
)
from gateway.http.badge import MEDIA_TYPE as BADGE
from gateway.http.requests import ActivitiesRequest, SignInQuery
from gateway.http.sessions import ShareRequest, SignInRequest
from gateway.oidc.code_flow import BEGIN, END
from gateway.problems import MEDIA_TYPE as PROBLEM
from gateway.queries.listing import ListRequest

PATH: Final = "/api/openapi.json"
_JSON: Final = "application/json"
_LEFT_OUT: Final = "HEAD", "OPTIONS"
"""Methods that each path with a GET has."""
_NAMED: Final = "project", "build"
"""Parameters of a path that are names."""

Struct = type[msgspec.Struct]


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a route takes and answers: structs, or the media type of what is no JSON of ours."""

    body: Struct | None = None
    query: Struct | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    answers: Mapping[int, Struct | str | None]


def _parameter(where: str, name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"name": name, "in": where, "schema": schema, **more}


_KINDS: Final = _parameter(
    "query", "kind", {"type": "array", "items": {"enum": list(KINDS)}}, style="form", explode=True
)
_WATCH: Final = _parameter(
    "query",
    "watch",
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
    required=True,
    style="form",
    explode=True,
    description="Filters, as in builds/acme/#.",
)
_LAST_EVENT: Final = _parameter("header", "Last-Event-ID", {"type": "string"})
_KEY: Final = _parameter(
    "header", "Idempotency-Key", {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"}
)
_PREFER: Final = _parameter("header", "Prefer", {"type": "string"}, example="wait=60")

_OF_PROVIDER: Final = tuple(
    _parameter("query", name, {"type": "string"}) for name in ("code", "state", "iss", "error")
)
"""What an OpenID provider says of a sign-in; it may say more."""

_BUILDS: Final = "/api/projects/{project}/builds"
_BUILD: Final = f"{_BUILDS}/{{build}}"
_OPERATIONS: Final = {
    ("get", "/api/builds"): _Operation(query=ListRequest, answers={200: BuildsAnswer}),
    ("post", _BUILDS): _Operation(
        body=StartRequest,
        parameters=(_KEY, _PREFER),
        answers={202: BuildAnswer, 200: BuildAnswer},
    ),
    ("get", _BUILD): _Operation(answers={200: BuildAnswer}),
    ("get", f"{_BUILD}/activities"): _Operation(
        query=ActivitiesRequest, parameters=(_KINDS,), answers={200: MEDIA_TYPE}
    ),
    ("post", f"{_BUILD}/stop"): _Operation(body=StopRequest, answers={202: BuildAnswer}),
    ("post", f"{_BUILD}/share"): _Operation(body=ShareRequest, answers={201: ShareAnswer}),
    ("get", "/api/session"): _Operation(answers={200: SessionAnswer}),
    ("post", "/api/session"): _Operation(body=SignInRequest, answers={200: SessionAnswer}),
    ("delete", "/api/session"): _Operation(answers={204: None}),
    ("get", "/s/{secret}"): _Operation(answers={303: None}),
    ("get", BEGIN): _Operation(query=SignInQuery, answers={303: None}),
    ("get", END): _Operation(parameters=_OF_PROVIDER, answers={303: None}),
    ("get", "/badge/{project}.svg"): _Operation(answers={200: BADGE, 304: None}),
    ("get", "/api/events"): _Operation(
        parameters=(_WATCH, _LAST_EVENT), answers={200: "text/event-stream"}
    ),
    ("get", "/api/phone"): _Operation(answers={200: PhoneAnswer}),
    ("get", "/api/overview"): _Operation(answers={200: OverviewAnswer}),
    ("get", "/metrics"): _Operation(answers={200: "text/plain"}),
    ("get", "/healthz"): _Operation(answers={200: HealthAnswer}),
    ("get", "/readyz"): _Operation(answers={200: HealthAnswer}),
    ("get", PATH): _Operation(answers={200: _JSON}),
}
_TYPES: Final[tuple[Struct, ...]] = tuple(
    dict.fromkeys(
        each
        for operation in _OPERATIONS.values()
        for each in (operation.body, operation.query, *operation.answers.values())
        if isinstance(each, type)
    )
)


class OpenApi:
    """The endpoint; `routes` are those to describe, below `root`."""

    def __init__(self, routes: Iterable[BaseRoute], root: str) -> None:
        self._routes = list(routes)
        self._root = root

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route(PATH, self.show)]

    async def show(self, request: Request) -> Response:
        """200 and this document; also for somebody who is not signed in."""
        requests.no_query(request.query_params.multi_items())
        return Response(self._encoded, media_type=_JSON)

    @cached_property
    def _encoded(self) -> bytes:
        return msgspec.json.encode(document([*self._routes, *self.routes()], self._root))


def document(routes: Iterable[BaseRoute], root: str) -> dict[str, Any]:
    """Return the OpenAPI document of `routes`, which browsers reach below `root`."""
    paths: dict[str, dict[str, Any]] = {}
    types = _Types.all()
    for method, path, summary in _endpoints(routes):
        operation = _OPERATIONS.get((method, path), _Operation(answers={200: None}))
        described = _described(method, path, operation, types)
        paths.setdefault(path, {})[method] = {"summary": summary} | described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Buildfeed",
            "version": _version(),
            "description": "Live build progress. topics.md is the contract; this is its HTTP.",
        },
        "servers": [{"url": root or "/"}],
        "security": [{}, {"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": types.schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "bf_…, JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-buildfeed"},
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
        template = "#/components/schemas/{name}"
        every: list[Struct] = [*_TYPES, ProblemAnswer]
        references, schemas = msgspec.json.schema_components(every, ref_template=template)
        return cls(dict(zip(every, references, strict=True)), schemas)

    def of(self, type_: Struct) -> dict[str, Any]:
        """Return the schema of a type."""
        found: dict[str, Any] = self.schemas[type_.__name__]
        return found


def _described(method: str, path: str, operation: _Operation, types: _Types) -> dict[str, Any]:
    """Return the OpenAPI operation of an endpoint."""
    parameters = [
        _parameter("path", name, _in_path(name), required=True)
        for name in re.findall(r"\{(\w+)", path)
    ]
    parameters += operation.parameters
    if operation.query:
        members = types.of(operation.query)["properties"].items()
        parameters += [_parameter("query", name, schema) for name, schema in members]
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method}{path}").strip("_"),
        "parameters": parameters,
        "responses": {
            **{str(code): _answer(what, types) for code, what in operation.answers.items()},
            "default": {
                "description": "A problem that says why.",
                "content": {PROBLEM: {"schema": types.references[ProblemAnswer]}},
            },
        },
    }
    if operation.body:
        needed = bool(types.of(operation.body)["required"])
        content = {_JSON: {"schema": types.references[operation.body]}}
        found["requestBody"] = {"required": needed, "content": content}
    return found


def _answer(what: Struct | str | None, types: _Types) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "As the summary says."}
    if isinstance(what, str):
        described["content"] = {what: {}}
    elif what:
        described["content"] = {_JSON: {"schema": types.references[what]}}
    return described


def _in_path(name: str) -> dict[str, Any]:
    return {"type": "string"} | ({"pattern": names.PATTERN} if name in _NAMED else {})


def _version() -> str:
    try:
        return version("buildfeed")
    except PackageNotFoundError:  # it runs from a checkout that was not installed
        return "0"

"""The OpenAPI document describes the routing table, by the types of the code."""

import asyncio
import re
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from buildfeed import activity
from buildfeed.board import BuildState
from buildfeed.grants import EVERYTHING
from buildfeed.history.store import Store
from buildfeed.topics import MAX_FILTERS
from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.paths import SOCKETS, Paths
from gateway.access.principal import Principal
from gateway.access.proxies import Proxies
from gateway.app import Gateway
from gateway.drain import Drain
from gateway.http import answers, collection, openapi, requests
from gateway.http.description import OPENAPI
from gateway.http.openapi import OpenApi
from gateway.http.sessions import Sessions
from gateway.operations.processes import Process
from gateway.problems import MEDIA_TYPE as PROBLEM
from gateway.settings import Settings
from gateway.state import event_bodies
from gateway.state.overview import Overview, WorkerLoad
from support.described import OpenApi as Told
from support.described import wrong
from support.jwts import SETTINGS as OF_PROVIDER
from support.samples import ALL, REAL_ERROR

OF_THE_PAGE = (
    *("/phone", "/operations", "/embed", "/projects/", "/favicon.svg", "/manifest.webmanifest"),
    *("/assets", "/icons", "/scripts", "/styles", "/vendor"),
)
"""What begins the paths that are no part of the API; `/` and `/login` are each one by itself."""


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[BaseRoute]:
    """The routing table of the application, without the page and socket.io."""
    path = tmp_path_factory.mktemp("openapi") / "history.db"

    async def made() -> list[BaseRoute]:
        url = f"sqlite:///{path}"
        settings = Settings(
            mqtt_url="mqtt://127.0.0.1:1",
            amqp_url=None,
            database_url=url,
            host="::1",
            port=1,
            oidc=OF_PROVIDER,
        )
        clients = Clients(Proxies(()), 0, 0)
        gateway = Gateway(settings, Store(url), Drain(0), clients, Access([]), paths=Paths())
        return list(gateway.routes())

    return [route for route in asyncio.run(made()) if is_in_api(getattr(route, "path", ""))]


def is_in_api(path: str) -> bool:
    if path in ("/", "/login"):
        return False
    return not path.startswith((*OF_THE_PAGE, SOCKETS))


@pytest.fixture(scope="module")
def document(routes: list[BaseRoute]) -> dict[str, Any]:
    return openapi.document(routes, "/ci")


def keys(type_: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(type_)}


def resolved(document: Any, reference: str) -> Any:
    found = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in references(each)]
    return (
        [found for each in value for found in references(each)] if isinstance(value, list) else []
    )


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    errors = [error.message for error in Draft202012Validator(OPENAPI_31).iter_errors(document)]
    assert errors == []
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/ci"}]


def test_each_credential_is_enough_and_so_is_none(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{}, *({name: []} for name in schemes)]
    cookies = {each["name"] for each in schemes.values() if each.get("in") == "cookie"}
    assert cookies == {"buildfeed", "__Host-buildfeed"}


def test_its_schemas_are_schemas_and_every_reference_leads_somewhere(
    document: dict[str, Any],
) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    found = references(document)
    assert found
    assert all(resolved(document, each) for each in found)


def test_every_endpoint_of_the_routing_table_is_in_it_and_no_other(
    routes: list[BaseRoute], document: dict[str, Any]
) -> None:
    table = {
        (method.lower(), route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    written = {(method, path) for path, item in document["paths"].items() for method in item}
    assert written == table
    assert set(openapi._OPERATIONS) == table  # each says what it takes and answers


def test_every_name_in_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert operation["summary"]


def test_no_two_operations_have_one_name(document: dict[str, Any]) -> None:
    ids = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(ids) == len(set(ids))


def test_the_answers_are_those_that_the_code_makes() -> None:
    body = event_bodies.build_body(BuildState(REAL_ERROR), "error", ahead=None, lost=False)
    assert keys(answers.BuildAnswer) == set(body)
    assert msgspec.convert(body, answers.BuildAnswer).title == "make -j8"
    assert keys(answers.OverviewAnswer) == keys(Overview) | {"dead"}
    assert keys(answers.WorkerAnswer) == keys(WorkerLoad)
    assert keys(answers.ProcessAnswer) == keys(Process)
    assert keys(answers.OperationsAnswer) == keys(Overview) | {"dead", "queues", "processes"}
    who = Principal(name="ada", grants=EVERYTHING, token="1")
    told = Sessions(None, None, "Example")._session(who, "::1").body  # type: ignore[arg-type]
    shown = msgspec.json.decode(told, type=answers.SessionAnswer)
    assert (shown.name, shown.address, shown.provider) == ("ada", "::1", "Example")


async def test_it_is_served_to_everybody(routes: list[BaseRoute]) -> None:
    scope = {"type": "http", "method": "GET", "path": OPENAPI, "headers": []}
    answer = await OpenApi(routes[:1], "").show(Request({**scope, "query_string": b""}))
    shown = msgspec.json.decode(bytes(answer.body))
    assert set(shown["paths"]) == {getattr(routes[0], "path", ""), OPENAPI}
    assert answer.media_type == "application/json"


def test_every_operation_says_which_problems_it_may_answer_with(document: dict[str, Any]) -> None:
    told = Told(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert {"400", "500", "503", "default"} <= set(operation["responses"])
            refused = {"type": "urn:buildfeed:problem:internal", "title": "", "detail": ""}
            assert told.answer(method, path, 500, PROBLEM, refused | {"status": 500}) == []
            assert told.answer(method, path, 500, PROBLEM, refused | {"status": 503})


def test_the_activities_of_a_build_are_described(document: dict[str, Any]) -> None:
    told, path = Told(document), "/api/projects/{project}/builds/{build}/activities"
    rows = [(number, activity.encode(each)) for number, each in enumerate(ALL)]
    page = msgspec.json.decode(msgspec.json.encode(collection.page("http://a/b", 9, 0, rows)))
    whole = collection.collection("http://a/b", 9)
    for body in (page, whole):
        assert told.answer("get", path, 200, activity.MEDIA_TYPE, body) == []
    for name, other in [*wrong(page), *wrong(whole)]:
        assert told.answer("get", path, 200, activity.MEDIA_TYPE, other), name


def test_limits_of_parameters_are_those_of_the_code(document: dict[str, Any]) -> None:
    parameters = {
        each["name"]: each
        for item in document["paths"].values()
        for operation in item.values()
        for each in operation["parameters"]
    }
    assert parameters["watch"]["schema"]["maxItems"] == MAX_FILTERS
    assert parameters["Idempotency-Key"]["schema"]["pattern"] == requests.KEY
    assert str(requests.MAX_WAIT_SECONDS) in parameters["Prefer"]["description"]


def test_headers_are_described_where_they_come(document: dict[str, Any]) -> None:
    """What comes is shown by tests of the whole."""
    assert all(each["description"] for each in document["components"]["headers"].values())
    told = Told(document)
    found: dict[str, set[tuple[str, str, str]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status in set(operation["responses"]) - {"default"}:
                for name in told.headers(method, path, int(status), ())[1]:
                    found.setdefault(name, set()).add((method, path, status))
    every = {
        (method, path, status)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }
    assert found["WWW-Authenticate"] == {each for each in every if each[2] == "401"}
    assert found["Retry-After"] == {each for each in every if each[2] in ("429", "503")}
    builds = "/api/projects/{project}/builds"
    starts = {("post", builds, "200"), ("post", builds, "202")}
    starts |= {("post", "/api/dead/{project}/{build}/retry", "202")}
    assert found["Location"] == starts | {each for each in every if each[2] in ("201", "303")}
    asked = {
        (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if any(each["name"] == "If-None-Match" for each in operation["parameters"])
    }
    assert found["ETag"] == {each for each in every if each[:2] in asked and each[2][0] in "23"}
    of_session = {each for each in every if each[1] == "/api/session" and each[2][0] == "2"}
    assert len(of_session) == 3
    assert found["Set-Cookie"] == of_session | {each for each in every if each[2] == "303"}


def test_a_text_that_is_no_time_is_wrong(document: dict[str, Any]) -> None:
    told = Told(document)
    share = {"url": "http://a/s/b", "name": "link-1", "expires": "2026-11-21T10:15:03.218Z"}
    who = {"name": "ada", "anonymous": False, "grants": [], "expires": share["expires"]}
    who |= {"reason": None, "address": "::1", "provider": None}
    of_share = "post", "/api/projects/{project}/builds/{build}/share", 201
    of_session = "get", "/api/session", 200
    for place, body in ((of_share, share), (of_session, who)):
        assert told.answer(*place, "application/json", body) == []
        assert told.answer(*place, "application/json", body | {"expires": "tomorrow"})


def test_the_body_of_a_build_is_described(document: dict[str, Any]) -> None:
    told, path = Told(document), "/api/projects/{project}/builds/{build}"
    body = event_bodies.build_body(BuildState(REAL_ERROR), "error", ahead=None, lost=False)
    assert told.answer("get", path, 200, "application/json", body) == []
    for name, other in wrong(body):
        assert told.answer("get", path, 200, "application/json", other), name
    assert told.answer("get", path, 418, "application/json", body)

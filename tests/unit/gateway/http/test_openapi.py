"""The OpenAPI document describes the routing table, by the types of the code."""

import re
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.requests import Request
from starlette.routing import Route

from buildfeed.activity import Script
from buildfeed.board import BuildState
from buildfeed.grants import EVERYTHING
from gateway.access.principal import Principal
from gateway.http import answers, openapi, sessions
from gateway.http.api import Api
from gateway.http.health import Health
from gateway.http.openapi import OpenApi
from gateway.http.sessions import Sessions
from gateway.operations.routes import Operations
from gateway.state import event_bodies
from gateway.state.overview import Overview, WorkerLoad
from gateway.transports.sse import SseTransport
from support.builders import start

ROUTES = [
    *Api(*[None] * 5, links=None).routes(),
    *Sessions(*[None] * 2).routes(),
    *Health(None).routes(),
    *Operations(*[None] * 4).routes(),
    *SseTransport(*[None] * 4, backlog_bytes=0, frame_seconds=0, stuck_seconds=0).routes(),
    *OpenApi([], "").routes(),
]
DOCUMENT = openapi.document(ROUTES, "/ci")


def keys(type_: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(type_)}


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
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


def test_it_is_openapi_3_1() -> None:
    errors = [error.message for error in Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)]
    assert errors == []
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["servers"] == [{"url": "/ci"}]


def test_its_schemas_are_schemas_and_every_reference_leads_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    found = references(DOCUMENT)
    assert found
    assert all(resolved(each) for each in found)


def test_every_endpoint_of_the_routing_table_is_in_it_and_no_other() -> None:
    table = {
        (method.lower(), route.path)
        for route in ROUTES
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    written = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert written == table
    assert set(openapi._OPERATIONS) <= table


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_name_in_a_path_is_a_parameter(path: str) -> None:
    for operation in DOCUMENT["paths"][path].values():
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert operation["summary"]


def test_no_two_operations_have_one_name() -> None:
    ids = [each["operationId"] for item in DOCUMENT["paths"].values() for each in item.values()]
    assert len(ids) == len(set(ids))


def test_the_answers_are_those_that_the_code_makes() -> None:
    body = event_bodies.build_body(BuildState(start()), "start", ahead=0, lost=False)
    assert keys(answers.BuildAnswer) == set(body)
    assert msgspec.convert(body, answers.BuildAnswer).script in (None, Script())
    assert keys(answers.OverviewAnswer) == keys(Overview) | {"dead"}
    assert keys(answers.WorkerAnswer) == keys(WorkerLoad)
    who = Principal(name="ada", grants=EVERYTHING, token="1")
    shown = msgspec.json.decode(sessions._session(who, "::1").body, type=answers.SessionAnswer)
    assert (shown.name, shown.address) == ("ada", "::1")


async def test_it_is_served_to_everybody_and_takes_no_query() -> None:
    scope = {"type": "http", "method": "GET", "path": openapi.PATH, "headers": []}
    answer = await OpenApi(ROUTES[:3], "").show(Request({**scope, "query_string": b""}))
    shown = msgspec.json.decode(bytes(answer.body))
    assert set(shown["paths"]) == {ROUTES[0].path, ROUTES[1].path, ROUTES[2].path, openapi.PATH}
    assert answer.media_type == "application/json"

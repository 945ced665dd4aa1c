"""The table of problems against the code and topics.md."""

import json
import re
from http import HTTPStatus
from typing import Any

import pytest

from gateway.access.principal import not_signed_in
from gateway.http import openapi, problem_types
from gateway.http.problem_types import OF_REQUESTS, TYPES, possible
from gateway.problems import Problem, answer
from support.described import OpenApi
from support.packages import ROOT

OF_SOCKETS = {
    *("bad-auth", "bad-method", "bad-packet", "bad-protocol", "bad-transport"),
    *("no-websocket", "too-many-messages", "two-polls", "unknown-session"),
}
"""Problems of `/socket.io/` alone, which OpenAPI does not describe."""


def explained() -> dict[str, int]:
    """The problems of topics.md and their statuses."""
    found = re.findall(
        r"^\| `([a-z-]+)` \| (\d{3}) \|", (ROOT / "topics.md").read_text(), re.MULTILINE
    )
    return {slug: int(status) for slug, status in found}


def test_the_table_has_the_problems_of_the_page_with_their_statuses() -> None:
    table = {each.slug: each.status for each in TYPES.values()}
    page = {slug: each for slug, each in explained().items() if slug not in OF_SOCKETS}
    assert table == page
    assert set(explained()) > OF_SOCKETS


def test_every_problem_is_one_of_an_endpoint_and_the_table_knows_no_other_endpoint() -> None:
    known = {
        each.slug
        for (method, path), operation in openapi._OPERATIONS.items()
        for each in possible(method, path, "p" * ("{p" in path), body=operation.body is not None)
    }
    assert known | {*OF_REQUESTS} == set(TYPES)
    assert set(problem_types._OWN) <= set(openapi._OPERATIONS)


def test_an_endpoint_has_those_of_what_it_takes() -> None:
    start = ("post", "/api/projects/{project}/builds")
    slugs = {each.slug for each in possible(*start, ["project"], body=True)}
    assert {"bad-name", "not-json", "bad-field", "foreign-origin", "not-signed-in"} < slugs
    alive = {each.slug for each in possible("get", "/healthz", [], body=False)}
    assert alive == set()


def judge(problems: list[Problem]) -> list[list[str]]:
    """What is wrong with problems, by a document that has but an endpoint for them."""
    any_problem = {"$ref": "#/components/schemas/ProblemAnswer"}
    schemas = {each.name: each.schema(any_problem) for each in TYPES.values()}
    base = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": {"type": "string"}, "title": {}, "status": {}, "detail": {}},
    }
    document = {"components": {"schemas": schemas | {"ProblemAnswer": base}}}
    told = OpenApi(document)
    return [
        told.flaws(
            json.loads(bytes(answer(each).body)), "components", "schemas", f"problem.{each.slug}"
        )
        for each in problems
    ]


@pytest.mark.parametrize(
    "extra",
    [{"errors": [{"pointer": "#/by"}]}, {"errors": "no"}, {}, {"errors": [], "colour": "red"}],
)
def test_a_problem_with_other_members_does_not_fit(extra: dict[str, Any]) -> None:
    fitting = {"errors": [{"pointer": "#/by", "detail": "no"}]}
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    right, other = (Problem(status, "bad-field", "No.", **each) for each in (fitting, extra))
    assert judge([right]) == [[]]
    assert judge([other])[0]


def test_a_problem_of_another_status_does_not_fit() -> None:
    wrong = Problem(HTTPStatus.NOT_FOUND, "bad-name", "No.")
    assert judge([wrong, not_signed_in("expired")])[1] == []
    assert judge([wrong])[0]

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from buildfeed.activity import Script
from gateway import problems
from gateway.commands.requests import RequestedScript, StartRequest, StopRequest
from gateway.http import requests
from gateway.problems import Problem
from gateway.queries.listing import ListRequest

SCRIPT = RequestedScript(steps=10, errors=(50,))


def refusal(payload: object, type_: type = StartRequest) -> Problem:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with pytest.raises(Problem) as caught:
        requests.body(raw, type_)
    return caught.value


def status_of(read: Callable[..., object], *given: object) -> int:
    """The status of the answer that the sender gets, 200 when all is well."""
    try:
        read(*given)
    except Problem as problem:
        return problems.answer(problem).status_code
    return 200


# --- bodies


@pytest.mark.parametrize("payload", [b"", b" \r\n", b"{}"])
def test_a_start_without_wishes_has_no_script(payload: bytes) -> None:
    request = requests.body(payload, StartRequest)

    assert request.script is UNSET
    assert (request.priority, request.by) == ("normal", "anonymous")


def test_a_script_without_wishes_is_the_default_one() -> None:
    script = requests.body(b'{"script": {}}', StartRequest).script
    assert isinstance(script, Script)
    assert (script.seconds, script.steps, script.errors) == (10, 10, (70,))


def test_a_start_gets_what_it_asks_for() -> None:
    request = requests.body(
        b'{"script": {"seconds": 0.5, "steps": 4, "errors": [25, 50]}, "priority": "high",'
        b' "by": "ada"}',
        StartRequest,
    )

    assert isinstance(request.script, Script)
    assert (request.script.seconds, request.script.steps) == (0.5, 4)
    assert request.script.errors == (25, 50)
    assert (request.priority, request.by) == ("high", "ada")


def test_a_stop_names_who_asks() -> None:
    assert requests.body(b"", StopRequest).by == "anonymous"
    assert requests.body(b'{"by": "bob"}', StopRequest).by == "bob"


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ([], "#"),
        (None, "#"),
        ("start", "#"),
        ({"by": ""}, "#/by"),
        ({"by": "x" * 201}, "#/by"),
        ({"by": 1}, "#/by"),
        ({"priority": "urgent"}, "#/priority"),
        ({"delay": 0}, "#/delay"),
        ({"delay": 86_401}, "#/delay"),
        ({"delay": "10"}, "#/delay"),
        ({"script": {"steps": 10.5}}, "#/script/steps"),
        ({"script": {"steps": 10**4000}}, "#/script/steps"),
        ({"script": {"seconds": 0}}, "#/script/seconds"),
        ({"script": {"seconds": -1}}, "#/script/seconds"),
        ({"script": {"seconds": 86_401}}, "#/script/seconds"),
        ({"script": {"seconds": "10"}}, "#/script/seconds"),
        ({"script": {"steps": 0}}, "#/script/steps"),
        ({"script": {"steps": 10_001}}, "#/script/steps"),
        ({"script": {"steps": 1.5}}, "#/script/steps"),
        ({"script": {"errors": 70}}, "#/script/errors"),
        ({"script": {"errors": [70, 101]}}, "#/script/errors/1"),
        ({"script": {"errors": [-1]}}, "#/script/errors/0"),
        ({"script": {"errors": [0] * 1001}}, "#/script/errors"),
    ],
)
def test_a_field_that_does_not_fit_is_named(payload: object, pointer: str) -> None:
    problem = refusal(payload)

    assert (problem.status, problem.slug) == (422, "bad-field")
    assert problem.extra["errors"][0]["pointer"] == pointer
    assert pointer in problem.detail


@pytest.mark.parametrize(
    ("payload", "type_", "key"),
    [
        ({"prioritty": "high"}, StartRequest, "prioritty"),
        ({"script": {"step": 3}}, StartRequest, "step"),
        ({"priority": "high"}, StopRequest, "priority"),
    ],
)
def test_an_unknown_key_is_refused_and_named(payload: object, type_: type, key: str) -> None:
    problem = refusal(payload, type_)

    assert (problem.status, problem.slug) == (422, "bad-field")
    assert f"`{key}`" in problem.detail


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"nope",
        b"{} {}",
        b"\xff",
        b'{"by": "\xff"}',
        b'{"script": {"seconds": NaN}}',
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"{}\0",
        b'{"by": "a\nb"}',
    ],
)
def test_what_is_no_json_is_a_bad_request(payload: bytes) -> None:
    problem = refusal(payload)

    assert (problem.status, problem.slug) == (400, "not-json")


keys = st.sampled_from(["script", "priority", "by", "seconds", "steps", "errors"]) | st.text()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=10,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_whatever_raises_anything_but_a_problem_that_can_be_told(payload: bytes) -> None:
    assert status_of(requests.body, payload, StartRequest) in (200, 400, 422)


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"by":' + b"[" * 64 + b"]" * 64 + b"}"])
def test_a_body_nested_too_deep_is_refused_like_any_other(payload: bytes) -> None:
    problem = refusal(payload)

    assert (problem.status, problem.slug) == (422, "bad-field")
    assert "64 levels" in problem.detail


def test_a_start_names_a_job_and_its_parameters_instead_of_a_script() -> None:
    asked = requests.body(b'{"job": "deploy", "parameters": {"stage": "test"}}', StartRequest)
    assert (asked.job, asked.parameters) == ("deploy", {"stage": "test"})
    assert "not both" in refusal({"job": "deploy", "script": {}}).detail
    assert "`job`" in refusal({"parameters": {"stage": "test"}}).detail


# --- oddities


def test_null_is_absence() -> None:
    script = {"seconds": None, "steps": None, "errors": None}
    for asked, request in (
        ({"script": None, "by": None, "priority": None, "delay": None}, StartRequest()),
        ({"script": script}, StartRequest(script=RequestedScript())),
    ):
        assert requests.body(json.dumps(asked).encode(), StartRequest) == request
    assert requests.body(b'{"by": null}', StopRequest) == StopRequest()


@pytest.mark.parametrize("key", ["prioritty", "Delay"])
def test_an_unknown_key_is_refused_though_it_is_null(key: str) -> None:
    assert key in refusal({key: None}).detail
    assert key in refusal({"script": {key: None}}).detail


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b"\xef\xbb\xbf", StartRequest()),
        (b'\xef\xbb\xbf {"by": "ada"}\r\n', StartRequest(by="ada")),
        (rb'{"by": "ad\ud83d"}', StartRequest(by="ad�")),
        (rb'{"by": "\ude00\ud83d"}', StartRequest(by="��")),
        (rb'{"by": "\ud83d\ude00"}', StartRequest(by="😀")),
        (b'{"delay": 10}', StartRequest(delay=10)),
        (b'{"script": {"steps": 10.0, "errors": [5e1]}}', StartRequest(script=SCRIPT)),
    ],
)
def test_an_oddity_whose_meaning_is_certain_is_obeyed(
    payload: bytes, request_: StartRequest
) -> None:
    assert requests.body(payload, StartRequest) == request_


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"by": "ada", "by": "bob"}', "the key 'by' is there twice"),
        (b'{"script": {"steps": 1, "steps": 2}}', "the key 'steps' is there twice"),
        (b'{"by": "\xff"}', "it is not UTF-8 at byte 9"),
        ('{"by": "ada"}'.encode("utf-16"), "it is not UTF-8 at byte 1"),
        (b'{"script": {"seconds": NaN}}', "it is not JSON: NaN"),
        (b'{"by": "ada"}\0', "it is not JSON: Extra data: line 1 column 14 (char 13)"),
        (b'{"script": {"steps": 1' + b"0" * 400 + b"}}", "Expected `int` <= 10000"),
        (b'{"script": {"seconds": 1e999}}', "Expected `float` <= 86400.0"),
        (b'{"script": {"seconds": -1e999}}', "Expected `float` > 0.0"),
    ],
)
def test_the_reason_of_a_refusal_is_true(payload: bytes, reason: str) -> None:
    with pytest.raises(Problem) as refusal:
        requests.body(payload, StartRequest)
    assert refusal.value.detail.partition(": ")[2] == f"{reason}."


# --- queries


def test_a_query_without_parameters_asks_for_the_50_newest() -> None:
    assert requests.query([], ListRequest) == ListRequest(limit=50)


def test_a_query_gets_what_it_asks_for() -> None:
    asked = [("project", "acme"), ("status", "failed"), ("limit", "200"), ("before", "0193")]

    assert requests.query(asked, ListRequest) == ListRequest(
        project="acme", status="failed", limit=200, before="0193"
    )


@pytest.mark.parametrize(
    ("before", "end"),
    [(None, None), ("01a1", ("01a1", "")), ("01a1.acme", ("01a1", "acme"))],
)
def test_a_list_may_end_before_a_build_or_that_of_one_project(
    before: str | None, end: tuple[str, str] | None
) -> None:
    asked = [("before", before)] if before else []
    assert requests.query(asked, ListRequest).end == end


def test_a_project_may_look_like_something_else() -> None:
    for project in ("null", "true", "123"):
        assert requests.query([("project", project)], ListRequest).project == project


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("project", ""),
        ("project", "acme.web"),
        ("project", "a/b"),
        ("before", "+"),
        ("before", "01a1."),
        ("before", ".acme"),
        ("before", "01a1.acme.web"),
        ("status", "done"),
        ("status", ""),
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", ""),
        ("limit", "9" * 5000),
        ("Limit", "1"),
        ("page", "2"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(parameter: str, value: str) -> None:
    with pytest.raises(Problem) as caught:
        requests.query([(parameter, value)], ListRequest)

    assert (caught.value.status, caught.value.slug) == (400, "bad-query")
    assert parameter in caught.value.detail


def test_a_parameter_given_twice_is_refused_rather_than_half_obeyed() -> None:
    with pytest.raises(Problem, match="twice"):
        requests.query([("project", "acme"), ("project", "zoo")], ListRequest)


@given(
    st.lists(st.tuples(st.sampled_from(["project", "limit", "before", "x"]) | st.text(), st.text()))
)
def test_no_query_whatever_raises_anything_but_a_problem(asked: list[tuple[str, str]]) -> None:
    assert status_of(requests.query, asked, ListRequest) in (200, 400)


# --- names and headers


def test_a_hostile_name_is_a_bad_request(hostile_text: str) -> None:
    with pytest.raises(Problem) as caught:
        requests.name("project", hostile_text)

    assert problems.answer(caught.value).status_code == 400
    assert "project" in caught.value.detail


def test_a_name_is_returned_as_it_is() -> None:
    assert requests.name("project", "acme-web_2") == "acme-web_2"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("", 0),
        ("wait=60", 60),
        ("wait=0", 0),
        ("wait=600", 600),
        ("wait=601", 600),
        ("wait=99999999999", 600),
        ("WAIT = 5", 5),
        ('wait="7"', 7),
        ("respond-async, wait=10", 10),
        ("wait=10, respond-async", 10),
        ("handling=lenient;wait=3", 3),
        ("wait=1, wait=2", 1),
        ("wait", 0),
        ("wait=", 0),
        ("wait=-1", 0),
        ("wait=soon", 0),
        ("await=9", 0),
        ("x-wait=9", 0),
    ],
)
def test_prefer_wait_is_read_as_rfc_7240_writes_it(prefer: str, seconds: float) -> None:
    assert requests.wait_seconds(prefer) == seconds


@given(st.text())
def test_no_prefer_header_whatever_raises_anything(prefer: str) -> None:
    assert 0 <= requests.wait_seconds(prefer) <= 600


@pytest.mark.parametrize("key", [None, "k", "~" * 200, '"8e03978e-40d5"'])
def test_a_key_is_returned_as_it_is(key: str | None) -> None:
    assert requests.idempotency_key(key) == key


@pytest.mark.parametrize("key", ["", " ", "a b", "k\n", "k\0", "é", "k" * 201])
def test_a_key_that_is_not_1_to_200_visible_characters_is_refused(key: str) -> None:
    with pytest.raises(Problem) as caught:
        requests.idempotency_key(key)

    assert (caught.value.status, caught.value.slug) == (400, "bad-key")


def test_a_query_where_none_is_known_is_refused() -> None:
    requests.no_query([])
    with pytest.raises(Problem, match="'by' is not known here") as refused:
        requests.no_query([("by", "ada")])
    assert (refused.value.status, refused.value.slug) == (400, "bad-query")


@pytest.mark.parametrize("coding", ["gzip", "br, gzip", "GZIP", "identity, gzip", "x"])
def test_an_encoded_body_is_refused(coding: str) -> None:
    requests.not_encoded("Identity")
    with pytest.raises(Problem, match="send it as it is") as refused:
        requests.not_encoded(coding)
    assert (refused.value.status, refused.value.slug) == (415, "bad-encoding")

import json
import re
from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus

from gateway.problems import SECURITY_HEADERS, Problem, answer, encoded


def test_an_answer_has_the_members_and_the_media_type_of_rfc_9457() -> None:
    response = answer(Problem(HTTPStatus.NOT_FOUND, "unknown-build", "There is no build b1."))

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "urn:buildfeed:problem:unknown-build",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no build b1.",
    }


def test_further_members_and_headers_are_passed_on() -> None:
    problem = Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "broker-unavailable",
        "Try again in 5 seconds.",
        headers={"Retry-After": "5"},
        build="b1",
        sent=False,
    )

    response = answer(problem)

    assert response.headers["retry-after"] == "5"
    told = json.loads(response.body)
    assert (told["build"], told["sent"]) == ("b1", False)


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_gets_a_page_with_the_same_words_and_a_way_back() -> None:
    detail = "'<script>' is no project \x1b[31m\u202ename."
    problem = Problem(HTTPStatus.BAD_REQUEST, "bad-name", detail, headers={"Retry-After": "5"})
    response = answer(problem, BROWSER, "/ci/")
    text = bytes(response.body).decode()
    assert response.status_code == 400
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert response.headers["retry-after"] == "5"
    assert "<h1>Bad Request</h1>" in text
    assert "&#x27;&lt;script&gt;&#x27; is no project \\x1b[31m\\u202ename." in text
    assert '<a href="/ci/">All builds</a>' in text
    expected = dict(SECURITY_HEADERS)
    policy = expected.pop("content-security-policy")
    assert expected.items() <= dict(response.headers).items()
    assert response.headers["content-security-policy"].startswith(policy)


def test_the_policy_allows_the_style_of_the_page_and_no_other() -> None:
    response = answer(Problem(HTTPStatus.NOT_FOUND, "not-found", "No."), BROWSER)
    (style,) = re.findall("<style>(.*?)</style>", bytes(response.body).decode(), re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"; style-src 'sha256-{digest}'" in response.headers["content-security-policy"]


def test_a_host_that_is_refused_everywhere_has_no_page_to_go_back_to() -> None:
    problem = Problem(HTTPStatus.MISDIRECTED_REQUEST, "foreign-host", "No.")
    assert b'<a href="">Try again</a>' in bytes(answer(problem, BROWSER).body)


def test_the_form_depends_on_what_is_accepted() -> None:
    problem = Problem(HTTPStatus.NOT_FOUND, "not-found", "No.")
    assert answer(problem, "*/*").media_type == "application/problem+json"
    assert answer(problem).headers["vary"] == "Accept"
    assert b"vary: Accept\r\n" in encoded(problem)
    assert b"content-type: text/html" in encoded(problem, BROWSER)


def test_a_detail_is_printable_whatever_it_quotes() -> None:
    problem = Problem(HTTPStatus.NOT_FOUND, "not-found", "/\x1b[31m\u202e\n")
    assert str(problem) == problem.detail == r"/\x1b[31m\u202e\n"


def test_the_detail_is_the_text_of_the_exception() -> None:
    assert str(Problem(HTTPStatus.BAD_REQUEST, "not-json", "It is no JSON.")) == "It is no JSON."


def test_every_answer_has_the_security_headers() -> None:
    problem = Problem(HTTPStatus.NOT_FOUND, "unknown-build", "There is no build b1.")
    assert SECURITY_HEADERS.items() <= dict(answer(problem).headers).items()
    raw = encoded(problem).decode()
    for name, value in SECURITY_HEADERS.items():
        assert raw.count(f"{name}: {value}\r\n") == 1
    assert "form-action 'self'" in SECURITY_HEADERS["content-security-policy"]
    assert SECURITY_HEADERS["cross-origin-resource-policy"] == "same-origin"

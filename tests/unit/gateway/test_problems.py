import json
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

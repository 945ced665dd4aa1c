"""An HTTP server as apps see it: what is sent, and what each answer means."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message

import pytest

from buildfeed.subscribe import Endpoint, InvalidEndpoint, SetAside, TryLater
from buildfeed.subscribe.endpoint import seconds_to_wait
from support.sink import Sink

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def headers(given: dict[str, str]) -> Message:
    message = Message()
    for name, value in given.items():
        message[name] = value
    return message


def test_a_request_has_the_body_the_path_and_both_kinds_of_headers(sink: Sink) -> None:
    endpoint = Endpoint(f"{sink.url}/hook/", {"X-One": "1"})
    endpoint.send(b"said", {"X-Two": "2"})
    endpoint.send(b"put", {}, path="/there", method="PUT")
    first, second = sink.sent
    assert (first.method, first.path, first.body) == ("POST", "/hook/", b"said")
    assert (first.headers["x-one"], first.headers["x-two"]) == ("1", "2")
    assert (second.method, second.path, second.body) == ("PUT", "/hook/there", b"put")


def test_a_login_in_the_url_is_sent_as_basic_authentication(sink: Sink) -> None:
    Endpoint(sink.url.replace("//", "//ada:p%40ss@")).send(b"", {})
    (sent,) = sink.sent
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"ada:p@ss").decode()
    assert "ada" not in sent.headers["host"]


@pytest.mark.parametrize("answer", [301, 303, 307, 400, 401, 403, 404, 410, 422])
def test_what_the_server_refuses_for_good_is_set_aside(sink: Sink, answer: int) -> None:
    sink.answer, sink.headers = answer, {"Location": f"{sink.url}/elsewhere"}
    with pytest.raises(SetAside, match=f"answers {answer}"):
        Endpoint(sink.url).send(b"said", {"Authorization": "Bearer sesame"})
    assert len(sink.sent) == 1, "a redirect would take the secret elsewhere, and lose the body"


@pytest.mark.parametrize(
    ("answer", "headers", "seconds"),
    [
        *((answer, {}, 0) for answer in (408, 429, 500, 502, 503)),
        (429, {"Retry-After": "30"}, 30),
        (403, {"Retry-After": "60"}, 60),
        (403, {"X-RateLimit-Remaining": "0"}, 0),
    ],
)
def test_what_it_refuses_for_now_may_be_tried_later(
    sink: Sink, answer: int, headers: dict[str, str], seconds: float
) -> None:
    sink.answer, sink.headers = answer, headers
    with pytest.raises(TryLater, match=f"answers {answer}") as refused:
        Endpoint(sink.url).send(b"said")
    assert refused.value.seconds == seconds


def test_a_server_that_is_not_there_is_an_os_error(sink: Sink) -> None:
    endpoint = Endpoint("http://127.0.0.1:1")
    with pytest.raises(OSError, match="refused"):
        endpoint.send(b"said", {})


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Sat, 21 Nov 2026 10:16:00 GMT"}, 60),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 10:16:00 -0000"}, None),
        ({"X-RateLimit-Remaining": "0"}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW.timestamp() + 90:.0f}"}, 90),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "99999999999"}, None),
    ],
)
def test_a_server_says_how_long_to_wait(given: dict[str, str], seconds: float | None) -> None:
    assert seconds_to_wait(headers(given), NOW) == seconds


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "hooks.example/secret",
            "file:///secret",
            "ftp://secret",
            "https://",
            "http:///secret",
        ),
        *("http://host:x/secret", "http://host:0", "http://[host/secret", "http://host/se cret"),
        "http://host/secret\n",
    ],
)
def test_another_url_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        Endpoint(url)
    assert "secret" not in str(refused.value)

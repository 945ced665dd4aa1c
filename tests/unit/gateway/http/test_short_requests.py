"""Which requests are short: whole, with nothing unusual. All others are for the parser of HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.short_requests import parse

GET = b"GET /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n"
POST = b"POST /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n"
HOST = b"Host: localhost:8000\r\n"
END = b"\r\n"


def test_a_poll_is_short() -> None:
    request = parse(GET + HOST + b"Accept: */*\r\nX-Empty:\r\n" + END)
    assert request
    assert (request.method, request.body, request.keeps_alive) == ("GET", b"", True)
    assert request.query == "EIO=4&transport=polling&sid=abc"
    assert request.headers == {"host": "localhost:8000", "accept": "*/*", "x-empty": ""}


def test_packets_that_are_sent_are_short() -> None:
    request = parse(POST + HOST + b"Content-Length: 2\r\nConnection: close\r\n" + END + b"40")
    assert request
    assert (request.method, request.body, request.keeps_alive) == ("POST", b"40", False)


def test_the_path_may_end_without_a_slash() -> None:
    assert parse(GET.replace(b"/?", b"?") + HOST + END)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GET + HOST, id="no end of the head"),
        pytest.param(GET + END, id="no host"),
        pytest.param(GET.replace(b"1.1", b"1.0") + HOST + END, id="HTTP/1.0"),
        pytest.param(GET.replace(b"\r\n", b"\n") + HOST + END, id="a bare line feed"),
        pytest.param(GET.replace(b"GET", b"PUT") + HOST + END, id="another method"),
        pytest.param(GET.replace(b"/socket.io/", b"/socket.iox/") + HOST + END, id="another path"),
        pytest.param(GET.replace(b" /", b" http://localhost/") + HOST + END, id="a whole address"),
        pytest.param(GET + HOST + b"Host: evil\r\n" + END, id="two hosts"),
        pytest.param(GET + HOST + b"host: localhost\r\n" + END, id="two hosts, nearly the same"),
        pytest.param(GET + HOST + b"Upgrade: websocket\r\n" + END, id="an upgrade"),
        pytest.param(GET + HOST + b"Connection: upgrade\r\n" + END, id="another connection"),
        pytest.param(GET + HOST + b" folded: x\r\n" + END, id="a folded line"),
        pytest.param(GET + HOST + b"a b: x\r\n" + END, id="a space in a name"),
        pytest.param(GET + HOST + b"a: \0\r\n" + END, id="a null byte"),
        pytest.param(GET + HOST + b"a: b\rc\r\n" + END, id="a bare carriage return"),
        pytest.param(GET + HOST + b"Content-Length: 1\r\n" + END + b"4", id="a GET with a body"),
        pytest.param(GET + HOST + END + b"GET / HTTP/1.1\r\n", id="another request behind"),
        pytest.param(POST + HOST + END, id="no length"),
        pytest.param(POST + HOST + b"Content-Length: 2\r\n" + END + b"4", id="a part of the body"),
        pytest.param(POST + HOST + b"Content-Length: 2\r\n" + END + b"400", id="more than a body"),
        pytest.param(POST + HOST + b"Content-Length: +2\r\n" + END + b"40", id="a sign"),
        pytest.param(POST + HOST + "Content-Length: ٢\r\n".encode() + END + b"40", id="digits"),
        pytest.param(
            POST + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" + END + b"40",
            id="chunks",
        ),
        pytest.param(
            POST + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n" + END + b"40",
            id="an expectation",
        ),
    ],
)
def test_anything_unusual_is_not_short(data: bytes) -> None:
    assert parse(data) is None


@given(st.binary(max_size=200))
def test_garbage_is_not_short(data: bytes) -> None:
    assert parse(data) is None
    parse(GET + data + END)
    parse(POST + HOST + data)

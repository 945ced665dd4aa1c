"""Clients that go away in the middle of each kind of request, in each way there is."""

import random
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

from support.client_frames import sent

_HOST = b"Host: localhost\r\n"
_BODY = b'{"by": "ada", "script": {"seconds": 0.2, "steps": 2, "errors": []}}'
_LENGTH = b"Content-Length: %d\r\n" % len(_BODY)
_CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(_BODY), _BODY)
_POLL = b"/socket.io/?EIO=4&transport=polling"
_UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_WATCH = b'40{"watch":"builds/#"}'
_TEXT = 1

WAYS = "close", "reset", "half close", "reset later", "close later"


def _request(line: bytes, *fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"%b HTTP/%b\r\n" % (line, version) + _HOST + b"".join(fields) + b"\r\n" + body


_GET = _request(b"GET /api/builds")
_EVENTS = b"GET /api/events?watch=builds/%23"
_START = b"POST /api/projects/leaving/builds"
_START_WITH = {
    "length": _request(_START, _LENGTH, body=_BODY),
    "chunks": _request(_START, b"Transfer-Encoding: chunked\r\n", body=_CHUNKS),
    "wait": _request(_START, b"Prefer: wait=2\r\n", _LENGTH, body=_BODY),
    "consent": _request(_START, b"Expect: 100-continue\r\n", _LENGTH, body=_BODY),
    "h2c": _request(_START, b"Connection: Upgrade\r\nUpgrade: h2c\r\n", _LENGTH, body=_BODY),
}
# Each makes the bytes of a client, given a session of socket.io that polls.
KINDS: dict[str, Callable[[bytes], bytes]] = {
    "a list": lambda _: _GET,
    "the page": lambda _: _request(b"GET /"),
    "a file": lambda _: _request(b"GET /vendor/socket.io.min.js"),
    "metrics": lambda _: _request(b"GET /metrics"),
    "events": lambda _: _request(_EVENTS),
    "events by HTTP/1.0": lambda _: _request(_EVENTS, version=b"1.0"),
    **{f"a start, {name}": lambda _, whole=whole: whole for name, whole in _START_WITH.items()},
    "requests that wait": lambda _: _GET * 4 + _request(_EVENTS),
    "a poll that opens": lambda _: _request(b"GET " + _POLL),
    "polls": lambda sid: (
        _request(b"POST %b&sid=%b" % (_POLL, sid), b"Content-Length: 2\r\n", body=b"40")
        + _request(b"GET %b&sid=%b" % (_POLL, sid)) * 2
    ),
    "a poll by the long way": lambda sid: _request(b"GET %b&sid=%b" % (_POLL, sid), b"TE: x\r\n"),
    "a WebSocket": lambda _: (
        _request(b"GET /socket.io/?EIO=4&transport=websocket", _UPGRADE)
        + sent(_TEXT, _WATCH)
        + sent(_TEXT, b'420["watch","builds/#"]')
        + sent(_TEXT, b"41")
    ),
    "an upgrade": lambda sid: (
        _request(b"GET /socket.io/?EIO=4&transport=websocket&sid=" + sid, _UPGRADE)
        + sent(_TEXT, b"2probe")
        + sent(_TEXT, b"5")
        + sent(_TEXT, _WATCH)
    ),
    "71 bytes": lambda _: _request(b"GET /socket.io/?EIO=4&transport=polling&sid=abc")[:71],
}


def leave(port: int, kind: str, cuts: int, chance: random.Random) -> int:
    """Go away after some bytes of the request, `cuts` times in each of `WAYS`; return how often."""
    length = len(KINDS[kind](b"x" * 29))
    places = [length, *(chance.randrange(1, length) for _ in range(cuts - 1))]
    for place in places:
        for way in WAYS:
            _leave(port, KINDS[kind](_session(port))[:place], way, chance)
    return len(places) * len(WAYS)


def _leave(port: int, data: bytes, way: str, chance: random.Random) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client, suppress(OSError):
        client.sendall(data)
        if way == "half close":
            client.shutdown(socket.SHUT_WR)
        if way in ("half close", "reset later", "close later"):
            client.settimeout(chance.choice([0.001, 0.005, 0.03]))
            with suppress(TimeoutError):
                client.recv(chance.choice([1, 100, 100_000]))
        if way.startswith("reset"):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _session(port: int) -> bytes:
    """Open a session that polls, at whichever process answers; return its id."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(_request(b"GET " + _POLL, b"Connection: close\r\n"))
        found = re.search(rb'"sid":"(.*?)"', b"".join(_received(client)))
    assert found
    return found[1]


def _received(client: socket.socket) -> Iterator[bytes]:
    while data := client.recv(4096):
        yield data

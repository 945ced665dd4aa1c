"""The opening handshake of a WebSocket (RFC 6455 §4.2), from the head of its HTTP request. Pure."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

import msgspec

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)


class Head(msgspec.Struct, frozen=True):
    """The head of a request: its path, query and headers, names in lower case."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, Sequence[str]]

    def asks(self, name: str) -> str:
        """Return a parameter of the query, empty when there is none."""
        return self.query.get(name, [""])[-1]

    def lines(self, header: str) -> Sequence[str]:
        """Return the values of a header, one for each of its lines."""
        return self.headers.get(header, ())


def parse(data: bytes) -> Head:
    """Return the head in `data`, which a server has checked already."""
    first, *lines = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    target = first.split(" ")[1]
    path, _, query = target.partition("?")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Head(path, parse_qs(query), headers)


def accepted(head: Head) -> bytes | None:
    """Return the answer that opens the WebSocket, None when this is no proper handshake."""
    key, version = (", ".join(head.lines(f"sec-websocket-{name}")) for name in ("key", "version"))
    try:
        proper = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except ValueError:
        proper = False
    if not proper or version != "13":
        return None
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return _SWITCHING % base64.b64encode(digest)

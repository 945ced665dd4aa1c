"""Requests that are whole in one piece and hold nothing unusual, as those of pollers are. Pure.

Whatever is unusual is left to the parser of HTTP, which knows all of it.
"""

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.access import credentials
from gateway.access.credentials import Shown
from gateway.access.paths import SOCKETS

_HEAD: Final = re.compile(
    rb"(GET|POST) " + re.escape(SOCKETS).encode() + rb"/?\?([!-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)+)\r\n"
)
_UNUSUAL: Final = frozenset(["transfer-encoding", "upgrade", "expect", "content-encoding", "te"])
_LENGTH: Final = re.compile(r"\d{1,6}", re.ASCII)
_REMEMBERED: Final = 64
"""Blocks of headers whose reading is remembered: a client sends the same with each poll."""
_SESSION: Final = re.compile(
    rb"(?:GET|POST) " + re.escape(SOCKETS).encode() + rb"/?\?(?:[^ ]*&)?sid=([A-Za-z0-9_.-]+)[& ]"
)


def session(data: bytes) -> str:
    """Return the session of socket.io that a request names in its first line, or nothing."""
    found = _SESSION.match(data)
    return found[1].decode() if found else ""


class ShortRequest(msgspec.Struct, frozen=True):
    """A request to the path of socket.io: headers by their names in lower case, each once."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> Shown:
        """What the client shows of itself."""
        get = self.headers.get
        return credentials.shown(get("authorization", ""), get("cookie", ""), get("host", ""))

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request on the connection (RFC 9112 §9.3)."""
        return self.headers.get("connection", "keep-alive").lower() == "keep-alive"


def parse(data: bytes) -> ShortRequest | None:
    """Return the request that `data` is, no byte less or more; None for anything unusual."""
    found = _HEAD.match(data)
    if not found:
        return None
    headers = _headers(found[3])
    body = data[found.end() :]
    if headers is None or (body and found[1] == b"GET"):
        return None
    length = headers.get("content-length", "" if body or found[1] == b"POST" else "0")
    if not _LENGTH.fullmatch(length) or int(length) != len(body):
        return None
    return ShortRequest(found[1].decode(), found[2].decode(), headers, body)


@functools.lru_cache(_REMEMBERED)
def _headers(lines: bytes) -> Mapping[str, str] | None:
    """Return the headers that `lines` are, None if any is unusual."""
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if headers.setdefault(name.lower(), value.strip(" \t")) != value.strip(" \t"):
            return None
    connection = headers.get("connection", "keep-alive").lower()
    if (
        _UNUSUAL & headers.keys()
        or "host" not in headers
        or connection not in ("keep-alive", "close")
    ):
        return None
    return MappingProxyType(headers)

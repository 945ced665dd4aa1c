"""The head of a request: what is refused before the application begins.

Here a part that is ignored would let a default take its place, or let two readers of one request
see two different ones. So what httptools passes on, but nobody here understands, is refused.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import httptools

from gateway.problems import Problem

Fields = Sequence[tuple[bytes, bytes]]
"""Headers in their order, names in lower case."""

_VERSIONS: Final = "1.0", "1.1"


def refusal(version: str, fields: Fields) -> Problem | None:
    """Return the problem to refuse a request with that httptools takes, None for a good one."""
    if version not in _VERSIONS:
        detail = f"HTTP/{version} is not served here: HTTP/1.1 and HTTP/1.0 are."
        return Problem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "bad-version", detail)
    codings = _list(fields, b"transfer-encoding")
    if codings[:-1] and codings[-1] == "chunked":  # RFC 9112 §6.1; without chunks it has no end
        codings.pop()
        detail = f"The transfer coding {', '.join(codings)[:80]!r} is not known here: leave it out."
        return Problem(HTTPStatus.NOT_IMPLEMENTED, "bad-coding", detail)
    expected = [each for each in _list(fields, b"expect") if each != "100-continue"]
    if expected and version != "1.0":  # RFC 9110 §10.1.1
        detail = f"The expectation {', '.join(expected)[:80]!r} cannot be met: leave it out."
        return Problem(HTTPStatus.EXPECTATION_FAILED, "bad-expectation", detail)
    return None


def awaits_consent(version: str, fields: Fields) -> bool:
    """Tell whether the client sends the body once it is told to go on (RFC 9110 §10.1.1)."""
    return version != "1.0" and "100-continue" in _list(fields, b"expect")


def with_host_of(target: bytes, fields: Fields) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request for an absolute `target`: its host is the one that counts.

    The header `Host` is ignored then (RFC 9112 §3.2.2). Raises HttpParserInvalidURLError.
    """
    url = httptools.parse_url(target)
    host = url.host or b""
    host = b"[%b]" % host if b":" in host else host
    port = b":%d" % url.port if url.port else b""
    return [(b"host", host + port), *(field for field in fields if field[0] != b"host")]


def _list(fields: Fields, name: bytes) -> list[str]:
    """Return the members of a header that is a list (RFC 9110 §5.6.1), in lower case."""
    lines = b",".join(value for known, value in fields if known == name)
    members = (member.strip(" \t").lower() for member in lines.decode("latin-1").split(","))
    return [member for member in members if member]

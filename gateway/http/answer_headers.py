"""Headers of answers that a program needs, for a description. Pure."""

from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]

_TELLS: Final = {
    "Accept-Ranges": "Parts may be asked for, in bytes.",
    "Content-Location": "The address of just this content: that of the attempt.",
    "Content-Range": "Which bytes of how many these are.",
    "ETag": "The tag of the content: with it in `If-None-Match` this is not sent again.",
    "Location": "The path of the build, or where a browser goes on.",
    "Retry-After": "Seconds after which to try again, where that is known.",
    "Set-Cookie": "The cookie of a session, a link or a sign-in, or its end.",
    "WWW-Authenticate": "How to say who one is (RFC 6750).",
}
_OF_STATUSES: Final = {
    201: ("Location",),
    206: ("Content-Range",),
    303: ("Location",),
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Headers that belong to a status, whatever is asked."""


def components() -> Json:
    """Return the OpenAPI headers, by their names."""
    return {
        name: {"description": tells, "schema": {"type": "string"}} for name, tells in _TELLS.items()
    }


def headers(status: int, besides: Iterable[str] = ()) -> Json:
    """Return the headers of an answer as a member of it, none if it has no header of these."""
    names = sorted({*_OF_STATUSES.get(status, ()), *besides})
    if not names:
        return {}
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}

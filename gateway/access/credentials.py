"""Credentials: the token or the cookie that a request shows. Pure.

A token comes as `Authorization: Bearer` (RFC 6750 §2.1), never in an address. Other schemes, and
tokens that are none of ours, belong to a proxy in front that has a login of its own, and are
ignored.
"""

from http.cookies import CookieError, SimpleCookie
from typing import Final, NamedTuple

SECURE_COOKIE: Final = "__Host-buildfeed"
"""The cookie of a session (RFC 6265bis §4.1.3.2): of this host alone, by https."""
PLAIN_COOKIE: Final = "buildfeed"
"""Its name on the loopback, where there is no https."""
_OURS: Final = "bf_", "bl_"
"""What our tokens begin with: those of people and apps, and those of links."""
_LONGEST: Final = 200
"""Characters of a credential; more is none."""


class Client(NamedTuple):
    """Who asks, as far as a request says it: an address, and a credential if one is shown."""

    address: str
    credential: str = ""


def bearer(authorization: str) -> str:
    """Return the token of ours in the header `Authorization`, empty if there is none."""
    scheme, _, token = authorization.strip().partition(" ")
    is_ours = scheme.lower() == "bearer" and token.strip().startswith(_OURS)
    return token.strip()[:_LONGEST] if is_ours else ""


def cookie(header: str) -> str:
    """Return the secret of a session in the header `Cookie`, empty if there is none."""
    if PLAIN_COOKIE not in header:
        return ""
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return ""
    for name in (SECURE_COOKIE, PLAIN_COOKIE):
        if name in cookies:
            return cookies[name].value[:_LONGEST]
    return ""


def shown(authorization: str, cookies: str) -> str:
    """Return the credential in these headers; a token goes first."""
    return bearer(authorization) or cookie(cookies)

"""Credentials: the token and the cookies that a request shows. Pure.

A token comes as `Authorization: Bearer` (RFC 6750 §2.1), never in an address. Other schemes, and
tokens that are none of ours, belong to a proxy in front that has a login of its own, and are
ignored. A JWT may be one of the OpenID provider that people come by, or one of such a proxy: who
asks for it is told apart later, by its issuer.

A link has a cookie of its own, beside that of a session. Whoever follows one from another site
sends no cookie (`SameSite=Strict`), so nobody could tell that a session is there, and one cookie
for both would sign people out of it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from buildfeed.secret_kinds import BEARER, IN_COOKIES, LINK
from gateway.access import hosts
from gateway.access.anonymous import is_loopback

SECURE_COOKIE: Final = "__Host-buildfeed"
"""The cookie of a session (RFC 6265bis §4.1.3.2): of this host alone, by https."""
SECURE_LINK: Final = "__Host-buildfeed-link"
"""The cookie of a link."""
PLAIN_COOKIE: Final = "buildfeed"
"""The cookie of a session on the loopback, where there is no https."""
PLAIN_LINK: Final = "buildfeed-link"
"""The cookie of a link on the loopback."""
HEADERS: Final = "authorization", "cookie", "host"
"""The headers that `shown` is asked about, in this order."""
_OURS: Final = BEARER, LINK
"""What our tokens begin with: those of people and apps, and those of links."""
_LONGEST: Final = 200
"""Characters of a credential; more is none."""
LONGEST_JWT: Final = 8192
"""Characters of a JWT; one with the names of 200 groups has 7000."""
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
"""The compact form (RFC 7515 §7.1) of what begins with `{"`."""


class Shown(NamedTuple):
    """What a request shows of who asks: a token, or cookies; the first good one of these counts.

    `host` is that to which it was sent, by the header `Host`. The `jwt` in its header goes before
    the cookies if it is of the provider that people come by.
    """

    token: str = ""
    cookies: tuple[str, ...] = ()
    host: str = ""
    jwt: str = ""

    @property
    def first(self) -> str:
        """The credential that counts if it is good; empty if there is none."""
        return self.token or self.jwt or next(iter(self.cookies), "")


class Client(NamedTuple):
    """Who asks, as far as a request says it: an address, and what is shown."""

    address: str
    shown: Shown = Shown()


def is_jwt(text: str) -> bool:
    """Tell whether a credential has the form of a JWT."""
    return text.startswith("eyJ") and _JWT.fullmatch(text) is not None


def bearer(authorization: str) -> str:
    """Return the token of ours, or the JWT, in the header `Authorization`; empty without one."""
    scheme, _, rest = authorization.strip().partition(" ")
    token = rest.strip()
    if scheme.lower() != "bearer":
        return ""
    if token.startswith(_OURS):
        return token[:_LONGEST]
    return token if len(token) <= LONGEST_JWT and is_jwt(token) else ""


def cookies(header: str, host: str) -> tuple[str, ...]:
    """Return the secrets in the header `Cookie`, that of a session first.

    A cookie by its plain name counts only where the header `Host` names the loopback: elsewhere a
    page of a neighbouring host could have set it (cookie tossing). What is no secret for a cookie
    is none here: that of another program may have the same name.
    """
    if PLAIN_COOKIE not in header:
        return ()
    names = [SECURE_COOKIE, SECURE_LINK]
    if (named := hosts.host(host)) and is_loopback(named.name):
        names = [SECURE_COOKIE, PLAIN_COOKIE, SECURE_LINK, PLAIN_LINK]
    found = dict(_pairs(header))
    return tuple(found[name] for name in names if found.get(name, "").startswith(IN_COOKIES))


def shown(authorization: str, cookie: str, host: str) -> Shown:
    """Return what the headers `Authorization`, `Cookie` and `Host` show; a token goes first."""
    token = bearer(authorization) if authorization else ""
    if token.startswith(_OURS):
        return Shown(token, host=host)
    return Shown(cookies=cookies(cookie, host), host=host, jwt=token)


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    # Not `SimpleCookie`: one odd cookie of another program on this host would hide ours.
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip().strip('"')[:_LONGEST]

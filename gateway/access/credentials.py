"""Credentials: the token and the cookies that a request shows. Pure.

A token comes as `Authorization: Bearer` (RFC 6750 §2.1), never in an address. Other schemes, and
tokens that are none of ours, belong to a proxy in front that has a login of its own, and are
ignored.

A link has a cookie of its own, beside that of a session. Whoever follows one from another site
sends no cookie (`SameSite=Strict`), so nobody could tell that a session is there, and one cookie
for both would sign people out of it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from buildfeed.secret_kinds import BEARER, LINK
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


class Shown(NamedTuple):
    """What a request shows of who asks: a token, or cookies; the first good one of these counts.

    `host` is that to which it was sent, by the header `Host`.
    """

    token: str = ""
    cookies: tuple[str, ...] = ()
    host: str = ""

    @property
    def first(self) -> str:
        """The credential that counts if it is good; empty if there is none."""
        return self.token or next(iter(self.cookies), "")


class Client(NamedTuple):
    """Who asks, as far as a request says it: an address, and what is shown."""

    address: str
    shown: Shown = Shown()


def bearer(authorization: str) -> str:
    """Return the token of ours in the header `Authorization`, empty if there is none."""
    scheme, _, token = authorization.strip().partition(" ")
    is_ours = scheme.lower() == "bearer" and token.strip().startswith(_OURS)
    return token.strip()[:_LONGEST] if is_ours else ""


def cookies(header: str, host: str) -> tuple[str, ...]:
    """Return the secrets in the header `Cookie`, that of a session first.

    A cookie by its plain name counts only where the header `Host` names the loopback: elsewhere a
    page of a neighbouring host could have set it (cookie tossing).
    """
    if PLAIN_COOKIE not in header:
        return ()
    names = [SECURE_COOKIE, SECURE_LINK]
    if (named := hosts.host(host)) and is_loopback(named.name):
        names = [SECURE_COOKIE, PLAIN_COOKIE, SECURE_LINK, PLAIN_LINK]
    found = dict(_pairs(header))
    return tuple(found[name] for name in names if found.get(name))


def shown(authorization: str, cookie: str, host: str) -> Shown:
    """Return what the headers `Authorization`, `Cookie` and `Host` show; a token goes first."""
    if token := bearer(authorization):
        return Shown(token, host=host)
    return Shown(cookies=cookies(cookie, host), host=host)


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    # Not `SimpleCookie`: one odd cookie of another program on this host would hide ours.
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip().strip('"')[:_LONGEST]

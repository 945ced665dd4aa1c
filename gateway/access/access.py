"""Access by host and origin: only hosts that are ours, only commands of pages that are ours."""

import functools
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Final

from gateway.access import hosts
from gateway.access.anonymous import is_loopback
from gateway.access.hosts import Origin
from gateway.problems import Problem

_REMEMBERED: Final = 256
"""Pairs of host and origin whose answer is remembered."""
_SHOWN: Final = 80
"""Characters of a foreign header that an answer repeats."""


class Access:
    """Answers only to hosts that are ours; lets only our own pages command and connect.

    The pages and hosts of `origins` count as ours, and so does the host `listens`. A request
    without an Origin comes from no page. A request without a Host comes from no browser, so its
    name cannot have been rebound (DNS rebinding). With `has_tls` all come by https.
    """

    def __init__(
        self, origins: Collection[str], listens: str = "", *, has_tls: bool = False
    ) -> None:
        self._has_tls = has_tls
        self._origins = frozenset(filter(None, map(hosts.origin, origins)))
        ours = [*(origin.host for origin in self._origins), hosts.host(listens)]
        self._names = {host.name for host in ours if host}

        self.is_own = functools.lru_cache(_REMEMBERED)(self._is_own)
        self.is_secure = functools.lru_cache(_REMEMBERED)(self._is_secure)
        self.is_private = functools.lru_cache(_REMEMBERED)(self._is_private)

    def _is_own(self, host: str, origin: str | None) -> bool:
        """Tell whether a command to `host` is ours: of no page, or of a page of that host."""
        if self.refusal([host], [] if origin is None else [origin], acts=True):
            return False
        page, named = hosts.origin(origin or ""), hosts.host(host)
        return origin is None or bool(page and named and page.is_of(named))

    def _is_secure(self, host: str) -> bool:
        """Tell whether browsers may be told to come to `host` by https alone.

        Never to `localhost`: that is said of all its ports, so other services would suffer.
        """
        named, address = hosts.host(host), self.address(host)
        if named is None or named.is_fixed:
            return False
        return self._has_tls or (address is not None and address.scheme == "https")

    def _is_private(self, host: str) -> bool:
        """Tell whether nobody on the way reads what is sent to `host`, as far as was said.

        So it is by https, and on this machine.
        """
        named, address = hosts.host(host), self.address(host)
        is_here = named is not None and is_loopback(named.name)
        return self._has_tls or is_here or (address is not None and address.scheme == "https")

    def allows(self, origin: str) -> bool:
        """Tell whether pages of `origin` may command and read, besides those of the host itself."""
        return hosts.origin(origin) in self._origins

    def address(self, host: str) -> Origin | None:
        """Return the origin by which browsers reach the gateway as `host`, None if it was not said.

        A proxy that ends TLS leaves the scheme out of its requests; the operator has told it.
        """
        named = hosts.host(host)
        found = [origin for origin in self._origins if named and origin.is_of(named)]
        return found[0] if len(found) == 1 else None

    def refusal(
        self, host: Sequence[str], origin: Sequence[str], *, acts: bool, version: str = "1.1"
    ) -> Problem | None:
        """Return the problem to refuse a request with, None to answer it.

        `host` and `origin` are the values of these headers, `version` is that of HTTP, and `acts`
        tells whether the request may do more than read.
        """
        if len(host) > 1 or (not host and version == "1.1"):
            detail = f"A request needs one Host header (RFC 9112 §3.2), this has {len(host)}."
            return Problem(HTTPStatus.BAD_REQUEST, "bad-host", detail)
        if len(origin) > 1:
            detail = f"A request has one Origin header at most, this has {len(origin)}."
            return Problem(HTTPStatus.BAD_REQUEST, "bad-origin", detail)
        named = host[0] if host else ""
        known = hosts.host(named)
        if named and not (known and (known.is_fixed or known.name in self._names)):
            return _foreign_host(named)
        if acts and origin:
            page = hosts.origin(origin[0])
            own = page and (page in self._origins or (known and page.is_of(known)))
            return None if own else _foreign_origin(origin[0], named)
        return None


def _foreign_host(host: str) -> Problem:
    detail = (
        f"This gateway does not answer to the host {host[:_SHOWN]!r}. If that is in the address "
        "that browsers use, start the gateway with --origin and the address, as in "
        "--origin https://builds.example; else the proxy in front of it has to pass the Host "
        "header on (nginx: proxy_set_header Host $http_host)."
    )
    return Problem(HTTPStatus.MISDIRECTED_REQUEST, "foreign-host", detail)


def _foreign_origin(origin: str, host: str) -> Problem:
    detail = (
        f"Pages of {origin[:_SHOWN]!r} may not command and connect here: the gateway was asked as "
        f"{host[:_SHOWN]!r}. If the page is its own, the proxy in front of it has to pass the "
        "Host header on (nginx: proxy_set_header Host $http_host); else start the gateway with "
        "--origin and the address of the page."
    )
    return Problem(HTTPStatus.FORBIDDEN, "foreign-origin", detail)

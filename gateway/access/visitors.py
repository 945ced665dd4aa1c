"""Who is here: what principals have open, and what of it has to be closed.

Whatever lasts (a connection of socket.io, any request of HTTP that is under way, a login at the
embedded broker) is a holder, whatever object that is, and has a principal and a way to be closed.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from buildfeed.history.tokens import Session, Token
from gateway.access.clients import too_many
from gateway.access.connection_limit import ConnectionLimit
from gateway.access.principal import Principal
from gateway.log_limit import LogLimit
from gateway.problems import Problem

_LOGGED_A_MINUTE: Final = 20

log = logging.getLogger(__name__)

Close = Callable[[str], object]
"""Closes what is open, for a reason of `principal.WHY`."""


class Visitors:
    """What is open of those who are signed in.

    `is_known` tells whether a principal is still what a credential stands for. Of one principal at
    most `most_of_one` connections that count are open at a time; 0: no limit.
    """

    def __init__(self, is_known: Callable[[Principal], bool], most_of_one: int = 0) -> None:
        self._is_known = is_known
        self._limit = ConnectionLimit(0, most_of_one)
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self.refused = 0
        """How many connections were refused as one principal had too many."""
        self._here: dict[Hashable, tuple[Principal, Close]] = {}

    def __len__(self) -> int:
        return len(self._here)

    def enter(
        self, holder: Hashable, principal: Principal, close: Close, *, counts: bool = False
    ) -> None:
        """Take note of what a principal has open; `close` is called when that has to end.

        That may be soon: who was asked for a moment ago may be known no more. Somebody anonymous
        never has to go. What `counts` is a connection to the limit of one principal; raises Problem
        when that is reached.
        """
        if principal.anonymous:
            return
        if counts:
            self._limit.leave(holder)
            if self._limit.enter(holder, principal.name):
                raise self._refusal(principal.name)
        self._here[holder] = principal, close
        if not self._is_known(principal):
            asyncio.get_running_loop().call_soon(close, "changed")

    def leave(self, holder: Hashable) -> None:
        """Take note that something is open no more."""
        self._here.pop(holder, None)
        self._limit.leave(holder)

    def _refusal(self, name: str) -> Problem:
        """Return the refusal of a connection of a principal who has too many, and log it."""
        self.refused += 1
        left_out = self._logged.take(name, asyncio.get_running_loop().time())
        if left_out is not None:
            facts = {"reason": "principal", "principal": name, "left_out": left_out}
            log.warning("http.too_many_connections", extra=facts)
        return too_many(f"of {name}")

    def here(self, holder: Hashable) -> Principal | None:
        """Return the principal who has something open."""
        found = self._here.get(holder)
        return found[0] if found else None

    def close(self, holder: Hashable, why: str) -> None:
        """Close what is open, if it still is."""
        if found := self._here.get(holder):
            found[1](why)

    def renew(self, holder: Hashable, principal: Principal) -> None:
        """Take note of what is known of a principal by now, if it is still here."""
        if found := self._here.get(holder):
            self._here[holder] = principal, found[1]

    def take(
        self, tokens: Mapping[str, Token], sessions: Mapping[str, Session], now: datetime
    ) -> None:
        """Close what has to end by what changed: tokens by their ids, sessions by their hashes.

        A token that ends earlier than was known, as one does that was renewed, goes on until then.
        """
        for holder, (principal, close) in list(self._here.items()):
            token, session = tokens.get(principal.token), sessions.get(principal.session)
            if token and token.revoked:
                close("revoked")
            elif token and token.grants != principal.grants:
                close("changed")
            elif session and session.ended:
                close("ended")
            elif token and ends_earlier(token, principal):
                self.renew(holder, msgspec.structs.replace(principal, expires=token.expires))
                if token.expires and token.expires <= now:
                    close("expired")

    def end(self, session: str) -> None:
        """Close what a session has open: its owner has signed out."""
        for principal, close in list(self._here.values()):
            if principal.session == session:
                close("ended")

    def over(self, now: datetime) -> Iterator[tuple[Hashable, Principal]]:
        """Yield what is open of those who have expired."""
        for holder, (principal, _) in list(self._here.items()):
            if principal.expires is not None and principal.expires <= now:
                yield holder, principal


def differs(token: Token, principal: Principal) -> bool:
    """Tell whether a token is revoked, or does not grant any more what it did when looked up."""
    same_grants = token.grants == principal.grants
    return token.revoked is not None or not same_grants or ends_earlier(token, principal)


def ends_earlier(token: Token, principal: Principal) -> bool:
    """Tell whether a token ends before what was known when its principal was looked up."""
    ends, known = token.expires, principal.expires
    return ends is not None and (known is None or known > ends)

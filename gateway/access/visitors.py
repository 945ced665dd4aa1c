"""Who is here: what principals have open, and what of it has to be closed.

Whatever lasts (a connection of socket.io, any request of HTTP that is under way, a login at the
embedded broker) is a holder, whatever object that is, and has a principal and a way to be closed.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime

from buildfeed.history.tokens import Session, Token
from gateway.access.principal import Principal

Close = Callable[[str], object]
"""Closes what is open, for a reason of `principal.WHY`."""


class Visitors:
    """What is open of those who are signed in.

    `is_known` tells whether a principal is still what a credential stands for.
    """

    def __init__(self, is_known: Callable[[Principal], bool]) -> None:
        self._is_known = is_known
        self._here: dict[Hashable, tuple[Principal, Close]] = {}

    def __len__(self) -> int:
        return len(self._here)

    def enter(self, holder: Hashable, principal: Principal, close: Close) -> None:
        """Take note of what a principal has open; `close` is called when that has to end.

        That may be soon: who was asked for a moment ago may be known no more. Somebody anonymous
        never has to go.
        """
        if principal.anonymous:
            return
        self._here[holder] = principal, close
        if not self._is_known(principal):
            asyncio.get_running_loop().call_soon(close, "changed")

    def leave(self, holder: Hashable) -> None:
        """Take note that something is open no more."""
        self._here.pop(holder, None)

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

    def take(self, tokens: Mapping[str, Token], sessions: Mapping[str, Session]) -> None:
        """Close what has to end by what changed: tokens by their ids, sessions by their hashes."""
        for principal, close in list(self._here.values()):
            token, session = tokens.get(principal.token), sessions.get(principal.session)
            if token and differs(token, principal):
                close("revoked" if token.revoked else "changed")
            elif session and session.ended:
                close("ended")

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
    ends, known = token.expires, principal.expires
    ends_earlier = ends is not None and (known is None or known > ends)
    return token.revoked is not None or token.grants != principal.grants or ends_earlier

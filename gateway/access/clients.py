"""The clients of this process: their addresses, and how many connections they may have.

A connection counts in all and for the address that it comes from. Behind a trusted proxy the
connection is the proxy's, so it counts in all only, and what lasts on it (a WebSocket, a stream of
Server-Sent Events) counts for the address of the client. A session of socket.io that polls has no
connection of its own: it counts in all and for the address, like one.

A few connections beyond the limits are taken as a reserve, for a moment: they may ask how the
process is.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable, Sequence
from http import HTTPStatus
from typing import Final

from gateway.access.connection_limit import ConnectionLimit, Excess
from gateway.access.proxies import Proxies, owner
from gateway.log_limit import LogLimit
from gateway.problems import Problem

RESERVE: Final = 32
"""Connections beyond the limits that may ask how the process is."""
RESERVE_OF_ONE: Final = 8
"""How many of these one address may have."""
RETRY_SECONDS: Final = 10
_LOGGED_A_MINUTE: Final = 20

log = logging.getLogger(__name__)


class Clients:
    """Who is there: `most` connections in all and `most_of_one` from one address. 0: no limit."""

    def __init__(self, proxies: Proxies, most: int, most_of_one: int) -> None:
        self._proxies = proxies
        self._limit = ConnectionLimit(most, most_of_one)
        self._reserve = ConnectionLimit(RESERVE, RESERVE_OF_ONE)
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self.refused: Counter[str] = Counter(total=0, address=0)
        """How many were refused, by the limit that was reached."""

    @property
    def open(self) -> int:
        """How many connections and sessions that poll are open."""
        return self._limit.open

    def is_proxy(self, peer: str) -> bool:
        """Tell whether connections from this address are those of a trusted proxy."""
        return self._proxies.trusts(peer)

    def address(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the client's address; `forwarded` are the lines X-Forwarded-For of a request."""
        return self._proxies.client(peer, forwarded)

    def connect(self, connection: Hashable, peer: str) -> Excess | None:
        """Count a TCP connection, or return the limit that is reached."""
        return self._limit.enter(connection, self._owner(peer))

    def spare(self, connection: Hashable, peer: str) -> bool:
        """Take a connection beyond the limits as one of the reserve, if that has room."""
        return self._reserve.enter(connection, self._owner(peer)) is None

    def share(self, holder: Hashable, client: str) -> Problem | None:
        """Count what lasts on a connection of a trusted proxy, or return why it is refused."""
        excess = self._limit.enter(holder, self._owner(client), counts=False)
        return self.refusal(excess, client) if excess else None

    def enter(self, session: Hashable, client: str) -> None:
        """Count a session that polls; raises Problem to refuse it."""
        if excess := self._limit.enter(session, self._owner(client)):
            raise self.refusal(excess, client)

    def leave(self, holder: Hashable) -> None:
        """Count a connection, a session, or what lasts on a connection, no more."""
        self._limit.leave(holder)
        self._reserve.leave(holder)

    def refusal(self, excess: Excess, client: str) -> Problem:
        """Return the problem to refuse a client with, and log it."""
        self.refused[excess] += 1
        of_one = owner(client) if excess == "address" else ""
        left_out = self._logged.take((excess, of_one), asyncio.get_running_loop().time())
        if left_out is not None:
            facts = {"reason": excess, "client": client, "open": self.open, "left_out": left_out}
            log.warning("http.too_many_connections", extra=facts)
        return too_many("to this gateway" if excess == "total" else f"from the address {client}")

    def _owner(self, address: str) -> str:
        """Return what the limit of one address counts; empty for a proxy, which has no such."""
        return "" if self._proxies.trusts(address) else owner(address)


def too_many(whose: str) -> Problem:
    """Return the refusal of a connection that is one too many; `whose` is a part of a sentence."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too-many-connections",
        f"There are too many connections {whose}: close some, or try again later.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )

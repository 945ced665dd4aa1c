"""Closes the connections at RabbitMQ of those who may not be there any more.

RabbitMQ asks when something begins: a client that has subscribed is asked about no more. So every
3 s, and at once when a token has changed, the open connections are looked through. Closed are those
of users who are neither RabbitMQ's own nor have a good token, all of a token that has changed, and
of a token those beyond its limit, the newest first. It goes by what there is, not by what was done
before: a gateway that was away, or a login that RabbitMQ had remembered for a moment, leaves nobody
inside.
"""

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from typing import Final

from buildfeed import names
from buildfeed.errors import HistoryUnavailable
from gateway.access.directory import LOOK_SECONDS
from gateway.broker_auth.answers import MAX_CONNECTIONS
from gateway.broker_auth.leftovers import Leftovers
from gateway.broker_auth.management import Management, ManagementUnavailable, OpenConnection
from gateway.broker_auth.token_names import TokenNames

_AGAIN_SECONDS: Final = 1.0
"""Seconds after which one looks again whether what was closed has come back: RabbitMQ may remember
a login for as long (`auth_cache.cache_ttl`)."""
_REASONS: Final = {
    "token": "Buildfeed: this token is good no more, or may do other things now",
    "limit": f"Buildfeed: a token has at most {MAX_CONNECTIONS} connections",
}

log = logging.getLogger(__name__)


class Connections:
    """The part of the gateway that looks through the connections at RabbitMQ."""

    def __init__(self, tokens: TokenNames, management: Management, vhost: str) -> None:
        self._tokens = tokens
        self._leftovers = Leftovers(management, vhost)
        self._has_looked = False
        self._management = management
        self._changed: set[str] = set()
        """The names of tokens that have changed since the last look at connections."""
        self._again: set[str] = set()
        """Those of the look before."""
        self._wake = asyncio.Event()
        tokens.on_change = self._note
        self._trouble = ""
        self.closed: Counter[str] = Counter()
        """Connections closed, by the reason."""

    async def run(self) -> None:
        """Look through the connections until cancelled."""
        while True:
            self._wake.clear()
            wait = _AGAIN_SECONDS if await self._look() else LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _note(self, changed: set[str]) -> None:
        self._changed |= changed
        if changed:
            self._wake.set()

    async def _look(self) -> bool:
        """Look through all once; return whether to look again soon."""
        by_user: dict[str, list[OpenConnection]] = defaultdict(list)
        before, changed = self.closed.total(), self._changed.copy()
        try:
            for each in await self._management.connections():
                by_user[each.user].append(each)
            for user in changed | self._again:
                by_user[user] = await self._management.connections_of(user)
            for user in await self._management.users():
                by_user.pop(user, None)
            for user, connections in by_user.items():
                await self._of_user(user, connections, changed=user in changed)
        except (HistoryUnavailable, ManagementUnavailable) as exc:
            if exc.reason != self._trouble:
                log.warning("broker_auth.cannot_look", extra={"reason": exc.reason})
            self._trouble = exc.reason
        else:
            self._trouble = ""
            self._has_looked = True
            self._changed -= changed
            self._again = changed
        return self.closed.total() > before or bool(changed)

    async def _of_user(
        self, user: str, connections: list[OpenConnection], *, changed: bool
    ) -> None:
        """Close those of the connections of a user that have to end."""
        if not names.is_name(user) or not connections:
            return  # no token has such a name
        token = await self._tokens.good(user)
        # Grants may have changed while no gateway ran, so at first one looks at subscriptions too.
        if token and not changed and not self._has_looked:
            changed = await self._leftovers.remove(user, token.grants)
        if changed or not token:
            await self._management.close_all(user, _REASONS["token"])
            self._count(user, "token", len(connections))
            return
        newest = sorted(connections, key=lambda each: each.since)[MAX_CONNECTIONS:]
        for each in newest:
            await self._management.close(each.name, _REASONS["limit"])
        if newest:
            self._count(user, "limit", len(newest))

    def _count(self, user: str, reason: str, connections: int) -> None:
        self.closed[reason] += connections
        facts = {"user": user, "reason": reason, "connections": connections}
        log.info("broker_auth.closed", extra=facts)

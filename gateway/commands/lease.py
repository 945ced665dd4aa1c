"""Leases: which process may send a start, among those that share a history.

A client that repeats a start with its `Idempotency-Key` may reach another process. If both sent it,
two workers would build. So the row of the key names one sender and the moment until which no other
may send (a lease). The sender renews the lease until it knows how the start ended, and then writes
the ending down. A lease that is not renewed expires, and a process that is asked for the same start
takes it over. The clock is that of the database, which all share. A renewal may take a while to be
known, so a holder relies on its lease only for two thirds of its length.
"""

import asyncio
import logging
import time
import uuid
from typing import Final

from buildfeed.errors import HistoryUnavailable
from buildfeed.history.claims import LEASE, Claim, Claims, Ending
from buildfeed.history.store import Store
from gateway.answered import answered

RENEW_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 1.0
SURE_SECONDS: Final = LEASE.total_seconds() * 2 / 3
"""Seconds for which a lease is relied on, by our clock, after its renewal was asked for."""

CLOSE_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Leases:
    """The leases of one process. Used from the event loop only."""

    def __init__(self, store: Store) -> None:
        self._claims = store.claims(sender=uuid.uuid4().hex)
        self._held: set[Lease] = set()

    async def take(self, project: str, key: str, build: str, body_hash: str) -> Claim:
        """Give `key` to `build`, or find the build that has it; raises HistoryUnavailable.

        A turn that falls to this process expires by itself unless `hold` is called.
        """
        return await answered(self._claims.take, project, key, build, body_hash)

    async def known(self, project: str, key: str) -> bool:
        """Tell whether a start has `key` already; raises HistoryUnavailable."""
        return await answered(self._claims.known, project, key)

    def hold(self, claim: Claim) -> "Lease":
        """Renew the turn that was just taken until it is ended."""
        lease = Lease(self._claims, claim)
        self._held.add(lease)
        lease.task.add_done_callback(lambda _: self._held.discard(lease))
        return lease

    async def close(self) -> None:
        """Write down which leases have ended; the others expire, and may be taken over."""
        tasks = [lease.close() for lease in self._held]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Lease:
    """The turn of this process to send the start of `claim`, renewed until it is ended.

    A process that stands still, or cannot reach the database, for too long loses the lease to the
    next process that is asked for the same start.
    """

    def __init__(self, claims: Claims, claim: Claim) -> None:
        self._claims = claims
        self._claim = claim
        self._sure_until = time.monotonic() + SURE_SECONDS
        self._lost = False
        self._ending: Ending | None = None
        self._ended = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def end(self, ending: Ending) -> None:
        """End the lease, as Claims.end says; written down as soon as the database answers."""
        self._ending = ending
        self._ended.set()

    async def holds(self) -> bool:
        """Tell whether the lease still holds; waits until that is certain."""
        while not self._lost and time.monotonic() > self._sure_until:
            if not await self._renew():
                await asyncio.sleep(RETRY_SECONDS)
        return not self._lost

    def close(self) -> "asyncio.Task[None]":
        """Stop renewing; return the task that may still be writing the end down."""
        if not self._ending:
            self.task.cancel()
        return self.task

    async def _run(self) -> None:
        while not self._ending and not self._lost:
            try:
                await asyncio.wait_for(self._ended.wait(), RENEW_SECONDS)
            except TimeoutError:
                await self._renew()
        while self._ending and not self._lost:
            try:
                await asyncio.to_thread(self._claims.end, self._claim, self._ending)
            except Exception as exc:  # noqa: BLE001 - the key would stay taken
                _log_unexpected(exc)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _renew(self) -> bool:
        """Renew the lease; return False when the database does not answer."""
        began = time.monotonic()
        try:
            holds = await asyncio.to_thread(self._claims.renew, self._claim)
        except Exception as exc:  # noqa: BLE001 - the lease would be lost
            _log_unexpected(exc)
            return False
        if not holds and not self._lost:
            fields = {"project": self._claim.project, "build": self._claim.build}
            log.warning("start.taken_over", extra=fields)
        self._lost = self._lost or not holds
        self._sure_until = began + SURE_SECONDS
        return True


def _log_unexpected(exc: Exception) -> None:
    if not isinstance(exc, HistoryUnavailable):
        log.error("history.failed", exc_info=exc)

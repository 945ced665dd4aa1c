"""Edge: history → the live picture, after every (re)connect and every 3 s from then on.

The recorder numbers every change of a build. The gateway remembers the last number that it has
read, and asks for the states that changed since. Folding a state twice changes nothing, so the same
query heals all that may have been missed: activities from before SUBACK, lost QoS 0 messages, a
recorder that lags. `docs/catching-up.md` says why this is enough.
"""

import asyncio
import contextlib
import logging

from buildfeed.board import MAX_UNFINISHED, BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from gateway.state.durations import LAST, Job
from gateway.state.live import Live

POLL_SECONDS = 3.0
RECENT = 1000
"""Ended builds that are read first; with more in history the board is not complete."""
PAGE = 1000
"""States in one query."""

log = logging.getLogger(__name__)


class CatchUp:
    """Folds the states that the recorder changed into the live picture."""

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live
        self._identity: object = None
        self._position: int | None = None
        self._subscription = 0  # the number of subscriptions so far
        self._caught_up_with = 0
        self._subscribed = False
        self._again = asyncio.Event()
        self.trouble: str | None = None
        """Why history cannot be used, None while it can."""

    @property
    def ready(self) -> bool:
        """True once everything recorded before SUBACK has been read."""
        return self._subscribed and self._caught_up_with == self._subscription

    def subscribed(self) -> None:
        """Read at once: the subscription is new, and activities before it were missed."""
        self._subscription += 1
        self._subscribed = True
        self._again.set()

    def unsubscribed(self) -> None:
        """Take note that no activities arrive now: the picture is not caught up."""
        self._subscribed = False

    async def run(self) -> None:
        """Read now, after each `subscribed`, and every 3 s, until cancelled."""
        while True:
            self._again.clear()
            subscription = self._subscription
            try:
                await self.read()
            except HistoryUnavailable as exc:
                if exc.reason != self.trouble:
                    log.warning("history.down", extra={"reason": exc.reason})
                self.trouble = exc.reason
            else:
                if self.trouble:
                    log.warning("history.up")
                self.trouble = None
                self._live.history_used()
                if subscription > self._caught_up_with:
                    log.info("gateway.caught_up", extra={"builds": len(self._live.board)})
                self._caught_up_with = subscription
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._again.wait()

    async def read(self) -> None:
        """Read the states that changed since the last time, and see whether history takes writes.

        Raises HistoryUnavailable.
        """
        more = True
        while more:
            identity, states, read = await asyncio.to_thread(self._ask)
            anew = read is None or read < (self._position or 0)
            if anew:
                read = await self._read_anew(identity)
            self._live.heal(states)
            self._position = read
            more = anew or len(states) == PAGE  # a page that is not full was the last one for now
        for key in list(self._live.unverified):
            if state := await asyncio.to_thread(self._store.get, *key):
                self._live.heal([state])
            self._live.unverified.discard(key)
        # Without it a server that was demoted would be read for ever, and starts would be refused.
        await asyncio.to_thread(self._store.check)
        wanted = self._live.durations.take_wanted()
        self._live.learn(await asyncio.to_thread(self._durations, wanted))

    def _durations(self, jobs: list[Job]) -> dict[Job, list[tuple[str, float]]]:
        """Return what history has of the durations of jobs."""
        statistics = self._store.statistics()
        return {job: statistics.durations(*job, LAST) for job in jobs}

    def _ask(self) -> tuple[object, list[BuildState], int | None]:
        """Return which history it is, what changed in it, and the number of the last change.

        No number if it is another than before, and a lower one than the last if e.g. a backup was
        restored in place. All is asked in one turn of a thread: each delays the events that are
        sent meanwhile.
        """
        identity, position = self._store.identity(), self._position
        if position is None or identity != self._identity:
            return identity, [], None
        states, read = self._store.changes(position, PAGE)
        return identity, states, read

    async def _read_anew(self, identity: object) -> int:
        """Read as at first, a history that is another than before, if there was one."""
        position = await self._read_first()
        if self._position is not None:
            self._live.history_replaced()
        self._identity = identity
        return position

    async def _read_first(self) -> int:
        """Read the newest builds; return the number of the last change before."""
        position = await asyncio.to_thread(self._store.position)
        ended = await asyncio.to_thread(self._store.newest, limit=RECENT + 1, ended=True)
        self._live.board.history_read(whole=len(ended) <= RECENT)
        self._live.heal(reversed(ended))
        # Page by page, so that the event loop goes on; at most as many as the board holds.
        before: tuple[str, str] | None = None
        for _ in range(MAX_UNFINISHED // PAGE):
            unfinished = await asyncio.to_thread(
                self._store.newest, limit=PAGE, ended=False, before=before
            )
            if not unfinished:
                break
            self._live.heal(unfinished)
            oldest = unfinished[-1].newest.object
            before = oldest.build, oldest.project
        return position

"""Starts in flight: published, and not yet confirmed by the broker.

A broker that is short of memory or disk stops reading. A start that was sent to it by then is
neither refused nor confirmed until that is over, maybe hours later. The client is told after
CONFIRM_SECONDS that the start failed, so it must not find the build running later: a start that is
confirmed when nobody waits for it any longer is stopped at once ("undone").

A client that repeats a start before that joins the pending one, since a second copy would make a
second worker build. So a start is in one of these states:

    waiting     sent, and at least one request waits for the confirm
    abandoned   sent, and no request waits; the confirm makes it undone, a new request waiting
    undoing     confirmed too late, or maybe sent when the connection was lost: its stop is on the
                way; a new request takes the stop back, or waits for it when that is too late
    gone        confirmed while a request waited, or taken back unsent, or stopped

A request for the same start in another process waits for the lease, which lasts until the start is
gone: see `lease`.
"""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial

from buildfeed import command
from buildfeed.activity import Activity, Key
from buildfeed.errors import BrokerUnavailable
from buildfeed.history.claims import Ending
from gateway.commands.lease import Lease
from gateway.commands.publisher import Publisher, confirmed, wait

RETRY_SECONDS = 1.0


class InFlight:
    """Starts that the broker has not confirmed yet, and those that are being undone.

    `receive` is called with each command that the broker has confirmed. Used from the event loop
    only.
    """

    def __init__(self, publisher: Publisher, receive: Callable[[Activity], object]) -> None:
        self._publisher = publisher
        self._receive = receive
        self._under_way: dict[Key, _Start] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def under_way(self, key: Key) -> bool:
        """Tell whether a start of that build is in flight, or is being undone."""
        return key in self._under_way

    async def publish(self, offer: Activity, lease: Lease | None = None) -> None:
        """Return once the broker has the start; a start in flight for the same build is joined.

        Otherwise the start is sent, and `lease`, the turn to send it, ends when the start is gone.

        Raises BrokerUnavailable within 5 s: nothing was sent, or the build is stopped when the
        broker answers again, unless `publish` is called for the same build before that.
        """
        key = offer.object.project, offer.object.build
        start = self._under_way.get(key)
        if start and start.undoing:
            if start.stop and not start.stop.cancel():
                await confirmed(start.stop)  # too late: it is stopped
                return
            start.undoing.cancel()
            del self._under_way[key]
            if start.confirmed:
                start.end("sent")
                return
            lease, start = start.lease, None
        if start is None:
            start = self._under_way[key] = _Start(offer, self._publisher.submit(offer), lease)
            start.answer.add_done_callback(partial(self._answered, key, start))
        await self._wait(key, start)

    async def close(self) -> None:
        """End every undoing, and wait no longer for confirms."""
        starts = list(self._under_way.values())
        for start in starts:
            start.answer.cancel()
        tasks = [start.undoing for start in starts if start.undoing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, key: Key, start: "_Start") -> None:
        taken_back = False
        start.waiting += 1
        try:
            await wait(start.answer)
        finally:
            start.waiting -= 1
            if not start.waiting and not start.answer.done() and start.submitted.cancel():
                taken_back = True
                del self._under_way[key]
                start.end("unsent")
        # From Python 3.14 on, taking a start back cancels its answer at the same time.
        if taken_back or not start.answer.done():
            raise BrokerUnavailable(sent=not taken_back)
        await start.answer

    def _answered(self, key: Key, start: "_Start", answer: "asyncio.Future[None]") -> None:
        if answer.cancelled():
            return  # it was taken back
        failure = answer.exception()
        if failure is None:
            start.confirmed = True
            self._receive(start.offer)
        maybe = isinstance(failure, BrokerUnavailable) and failure.sent
        if maybe or (start.confirmed and not start.waiting):
            start.undoing = asyncio.create_task(self._undo(key, start))
        else:
            del self._under_way[key]
            start.end("sent" if start.confirmed else "unsent")

    async def _undo(self, key: Key, start: "_Start") -> None:
        """Stop a build that no client was told of, while the lease says that this is our turn."""
        undo = command.stop(
            start.offer.object, datetime.now(UTC), by="gateway", uuid=uuid.uuid4().hex
        )
        while not start.lease or await start.lease.holds():
            start.stop = self._publisher.submit(undo)
            try:
                await asyncio.wrap_future(start.stop)
            except BrokerUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._receive(undo)
                start.end("undone")
                break
        del self._under_way[key]


class _Start:
    """A start, the number of requests that wait for it, and the stop that undoes it."""

    def __init__(self, offer: Activity, submitted: "Future[None]", lease: Lease | None) -> None:
        self.offer = offer
        self.submitted = submitted
        self.lease = lease
        self.answer = asyncio.wrap_future(submitted)
        self.waiting = 0
        self.confirmed = False
        self.stop: Future[None] | None = None
        self.undoing: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """Tell other processes how the start ended."""
        if self.lease:
            self.lease.end(ending)

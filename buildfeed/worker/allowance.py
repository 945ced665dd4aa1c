"""The allowance of a worker: how many unsettled starts it may have at a time.

One for each slot. A build whose start a peer keeps takes its slot too, unless a start that is kept
here makes up for it. But not while the start of a build that runs here is missing, nor for a moment
after the queue was away: then the worker goes on taking starts, as the missing one may be among
them. A worker that stops, or whose event loop is late, takes none.
"""

import logging

from buildfeed.worker.handoff.peers import Peers
from buildfeed.worker.queues.queue import Queue
from buildfeed.worker.settings import Settings

log = logging.getLogger(__name__)


class Allowance:
    """Tells `queue` how many starts the worker may have. Belongs to the event loop."""

    def __init__(self, settings: Settings, queue: Queue, peers: Peers) -> None:
        self._worker = settings.name
        self._slots = settings.slots
        self._max_lag = settings.limits.max_lag
        self._queue = queue
        self._peers = peers
        self._told = settings.slots
        self._overloaded = False
        self._closed = False

    def update(self) -> None:
        """Tell the queue, if the number has changed."""
        allowed = self._slots
        if self._closed or self._overloaded:
            allowed = 0
        elif not (self._peers.start_missing or self._queue.returning):
            allowed -= self._peers.surplus
        if allowed != self._told:
            self._told = allowed
            self._queue.allow(allowed)

    def close(self) -> None:
        """Take no start from now on."""
        self._closed = True
        self.update()

    def late(self, seconds: float) -> None:
        """Take note of the lag of the event loop in seconds."""
        overloaded = seconds > self._max_lag
        if overloaded is not self._overloaded:
            self._overloaded = overloaded
            event = "worker.overloaded" if overloaded else "worker.recovered"
            log.warning(event, extra={"worker": self._worker, "lag_ms": round(seconds * 1000)})
            self.update()

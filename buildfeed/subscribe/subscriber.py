"""The subscriber: hands each activity of a topic to the handler of an app, and loses none.

What is promised, of activities that the broker keeps (QoS 1 of a session, all of a queue and of the
stream):

* At least once: an activity is acknowledged when its handler has returned, not before. So a crash
  has it come again.
* No repetition: an activity whose id was handled is acknowledged without its handler. With a memory
  in a file that holds over restarts too. What remains is a crash between the end of a handler and
  the commit of the memory.
* In order: one at a time, as the broker sends them, which is the order of their publisher. The
  state is folded (`buildfeed/board.py`), so it is right for what comes late as well.
* A handler that raises is called again, with growing pauses, and all that is behind waits. After
  `patience` seconds the activity is set aside: a line in the log says so, and the next one follows.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from buildfeed.activity import Activity, decode
from buildfeed.errors import BuildfeedError, InvalidActivity, InvalidTopic
from buildfeed.subscribe.change import Change
from buildfeed.subscribe.memory import Memory, MemoryUnusable
from buildfeed.subscribe.retries import pauses
from buildfeed.subscribe.source import Source
from buildfeed.subscribe.waiting import Received, Waiting
from buildfeed.topics import Filter

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 600.0
"""Seconds for which an activity is tried whose handler fails."""
MAX_WAIT_SECONDS: Final = 3600.0
"""The longest pause that a handler may ask for."""
_MEMORY_SECONDS: Final = 1.0
"""Pause in seconds before a memory that cannot be written is tried again."""
_MOST_REASON: Final = 500
"""Characters of an exception in the log."""

Handler = Callable[[Change], object]
"""Does what the app is for. What it raises is a failure, and is tried again."""


class SetAside(BuildfeedError):
    """Raised by a handler: to try this activity again is no use, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The activity is set aside: {reason}.")
        self.reason = reason


class TryLater(BuildfeedError):
    """Raised by a handler: to call it again with this activity, not before `seconds` are over.

    At most MAX_WAIT_SECONDS count. It is a failure like others: patience ends it as well.
    """

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(f"The activity has to wait: {reason}.")
        self.reason = reason
        self.seconds = seconds


class Subscriber:
    """Calls `handler` with each activity of `source` that is on `filter_`.

    `memory` is a file, see `Memory`. `patience` is for how many seconds a handler that fails is
    called again with the same activity.
    """

    def __init__(
        self,
        source: Source,
        filter_: Filter,
        handler: Handler,
        *,
        memory: str | Path | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._source = source
        self._filter = filter_
        self._handler = handler
        self._memory = memory
        self._patience = patience
        self._waiting = Waiting()

    def run(self) -> None:
        """Handle activities until `stop`; raise MemoryUnusable."""
        with Memory(self._memory) as memory:
            try:
                self._work(memory)
            except sqlite3.DatabaseError as exc:  # not of the handler, whose failures are caught
                raise MemoryUnusable(self._memory, str(exc)) from exc

    def stop(self) -> None:
        """Have `run` return when the activity in hand has been handled, or failed. Thread-safe."""
        self._waiting.stop()
        log.info("subscriber.stopping")

    def _work(self, memory: Memory) -> None:
        self._source.start(self._waiting.put, memory.offset)
        try:
            while received := self._waiting.take():
                self._deal_with(received, memory)
        finally:
            self._source.stop()

    def _deal_with(self, received: Received, memory: Memory) -> None:
        offset = received.offset
        if offset is not None and memory.offset is None:  # it may end before this one is done
            self._insist(lambda: memory.keep_offset(offset - 1))
        activity = self._read(received)
        if activity and not memory.has(activity):
            change = memory.change(activity)
            if not (self._handle(change) and self._insist(lambda: memory.keep(change))):
                return
        if offset is None or self._insist(lambda: memory.keep_offset(offset)):
            received.done()

    def _read(self, received: Received) -> Activity | None:
        """Return the activity in a message, None when it is not for the app."""
        if not self._filter.matches(received.topic):  # a binding of before, or in the stream
            return None
        try:
            return decode(received.topic, received.payload)
        except (InvalidTopic, InvalidActivity) as exc:
            log.debug("subscriber.refused", extra={"reason": str(exc)})
            return None

    def _handle(self, change: Change) -> bool:
        """Call the handler until it returns or patience ends; False when stopped before."""
        again = pauses(self._patience)
        extra: dict[str, object] = {"activity": change.activity.id}
        while True:
            try:
                self._handler(change)
            except Exception as exc:
                pause = _pause_after(exc, again)
                extra["reason"] = repr(exc)[:_MOST_REASON]
                if pause is None:
                    log.exception("subscriber.set_aside", extra=extra)
                    return True
                log.warning("subscriber.handler_failed", extra={**extra, "again_in": pause})
            else:
                return True
            if not self._waiting.pause(pause):
                return False

    def _insist(self, keep: Callable[[], None]) -> bool:
        """Keep something in the memory, until a full disk has room; False when stopped before."""
        failed = False
        while True:
            try:
                keep()
            except sqlite3.OperationalError as exc:
                if not failed:
                    log.warning("subscriber.forgetful", extra={"reason": str(exc)})
                failed = True
            else:
                return True
            if not self._waiting.pause(_MEMORY_SECONDS):
                return False


def _pause_after(failure: Exception, again: Iterator[float]) -> float | None:
    """Return the pause in seconds before the next try, None when there is none."""
    if isinstance(failure, SetAside):
        return None
    pause = next(again, None)
    if pause is not None and isinstance(failure, TryLater):
        return max(pause, min(failure.seconds, MAX_WAIT_SECONDS))
    return pause

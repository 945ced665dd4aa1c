"""The line in which messages wait for the handler: from the thread of a link to that of the app.

It is bounded. A message that has to be acknowledged counts at the broker, which sends only so many.
Of the others, which come once, those that find no room are dropped.

A connection that is lost takes its acknowledgements with it: the broker sends those messages again,
in order. So the line is cut when a newer connection brings something: at the first message that
comes again, with all behind it. One that comes once would stand before an older one else.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Final

import msgspec

log = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000
"""Messages that wait while others come that nobody would send again."""


class Received(msgspec.Struct, frozen=True):
    """A message of `topic`, and `done`, which acknowledges it.

    `connection` numbers the connections of a link. `again`: it comes again on a later connection
    unless it is acknowledged. `offset` is its place in the stream.
    """

    topic: str
    payload: bytes
    connection: int
    done: Callable[[], None]
    again: bool = True
    offset: int | None = None


class Waiting:
    """The messages that have arrived, in order. One thread takes them; any may do the rest."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque()
        self._connection = 0
        self._behind = False
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, received: Received) -> None:
        """Add a message."""
        with self._changed:
            if received.connection > self._connection:
                self._connection = received.connection
                self._messages = deque(takewhile(lambda each: not each.again, self._messages))
            if received.again or len(self._messages) < MOST_WAITING:
                self._messages.append(received)
            elif not self._behind:
                self._behind = True
                log.warning("subscriber.behind", extra={"waiting": MOST_WAITING})
            self._changed.notify()

    def take(self) -> Received | None:
        """Wait for a message and return it; return None once it is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._stopped)
            if self._stopped:
                return None
            message = self._messages.popleft()
            self._behind = self._behind and bool(self._messages)
            return message

    def stop(self) -> None:
        """End `take`. What waits is not acknowledged, so it comes again, to the next process."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def pause(self, seconds: float) -> bool:
        """Wait so long; tell whether it was not stopped meanwhile."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._stopped, seconds)

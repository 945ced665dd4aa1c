"""Where the activities of an app come from: the interface of a session, a queue and the stream."""

from collections.abc import Callable
from typing import Protocol

from buildfeed.subscribe.waiting import Received

Take = Callable[[Received], None]
"""Takes a message, in the thread of a link."""


class Source(Protocol):
    """Messages that wait for the app at a broker; the connection is made again when it is lost."""

    def start(self, take: Take, offset: int | None, /) -> None:
        """Connect, and have `take` called with each message; returns at once.

        `offset` is how far the stream was read before.
        """

    def stop(self) -> None:
        """Disconnect, once the broker has the acknowledgements of what was done."""

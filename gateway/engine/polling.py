"""HTTP long-polling (Engine.IO 4): the packets that wait for a client's next request.

A client that polls has one GET waiting for packets at a time, a *poll*, and sends its own by POST.
A poll is answered as soon as there is a packet, with all of that turn of the event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gateway.engine import packets

MOST_PACKETS: Final = 16
"""Packets in one payload: python-engineio, on either side, refuses more."""


class Poller(Protocol):
    """The connection that polls."""

    def paused(self) -> None:
        """Take note that no poll waits."""

    def resumed(self) -> None:
        """Take note that a poll waits, for which nothing has been put yet."""


class Polling:
    """The packets that wait for `poller`, and the poll that waits for packets."""

    __slots__ = ("_due", "_loop", "_packets", "_poll", "_poller", "bytes", "probed")

    def __init__(self, poller: Poller) -> None:
        self.probed = False
        """True while a WebSocket is about to take over: polls are answered at once."""
        self.bytes = 0
        """Size of the packets that wait."""
        self._poller = poller
        self._loop = asyncio.get_running_loop()  # asking each time costs a call of the system
        self._packets: deque[bytes] = deque()
        self._poll: Callable[[bytes], None] | None = None
        self._due = False

    @property
    def waits(self) -> bool:
        """Whether a poll waits."""
        return self._poll is not None

    def has(self, packet: bytes) -> bool:
        """Tell whether a packet waits."""
        return packet in self._packets

    def poll(self, answer: Callable[[bytes], None]) -> None:
        """Call `answer` with the payload, once there is one; no other poll may wait."""
        self._poll = answer
        if len(self._packets) < MOST_PACKETS:
            self._poller.resumed()
        if self._packets or self.probed:
            self._answer_soon()

    def put(self, more: Sequence[bytes]) -> None:
        """Let packets wait for the next poll, or answer the one that waits."""
        self._packets.extend(more)
        self.bytes += sum(map(len, more))
        if self._poll and more:
            self._answer_soon()

    def probe(self) -> None:
        """Note that a WebSocket is about to take over; let go of the poll."""
        self.probed = True
        if self._poll:
            self._answer_soon()

    def leave(self) -> list[bytes]:
        """Return the packets that wait, and let go of the poll: there will be no other."""
        waiting = list(self._packets)
        self._packets.clear()
        self.end()
        return waiting

    def end(self) -> None:
        """Answer the poll that waits, if one does, with what waits."""
        self._answer()
        self._packets.clear()
        self.bytes = 0

    def _answer_soon(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_soon(self._answer)

    def _answer(self) -> None:
        self._due = False
        poll, self._poll = self._poll, None
        if poll is None:
            return
        most = min(MOST_PACKETS, len(self._packets))
        payload = [self._packets.popleft() for _ in range(most)]
        self.bytes = sum(map(len, self._packets))
        self._poller.paused()
        poll(packets.payload(payload or [packets.NOOP]))

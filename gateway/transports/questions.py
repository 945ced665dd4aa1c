"""The questions of a watcher, `watch` and `unwatch`: answered one at a time, in their order.

An answer to `watch` holds a snapshot. A client that takes no answers could pile them up by asking
again and again. So a question waits until the answer before it has left. It waits as text, and the
bytes of those that wait are bounded: one that polls may go on asking though it fetches nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.engine import packets
from gateway.engine.connection import UNSENT_BYTES, Connection
from gateway.engine.limits import LimitReached
from gateway.engine.packets import Packet

_ROOM_BYTES: Final = UNSENT_BYTES
"""Bytes that may wait for a client when its next question is answered."""


class Questions:
    """The questions of the watcher of a connection, oldest first.

    Those that wait have at most `most` characters together.
    """

    def __init__(self, connection: Connection, most: int) -> None:
        self._connection = connection
        self._most = most
        self._asked: deque[str] = deque()
        self._waiting = 0
        self._left = asyncio.Event()

    def ask(self, packet: Packet) -> None:
        """Add a question; raises LimitReached when too much waits already."""
        self._asked.append(packet.text)
        self._waiting += len(packet.text)
        if self._waiting > self._most:
            raise LimitReached("questions-kib", "too many questions wait for their answers")

    def left(self) -> None:
        """Take note that answers have left."""
        self._left.set()

    async def answer(self, answer: Callable[[Packet], Awaitable[None]]) -> None:
        """Answer all questions, also those that are asked meanwhile."""
        while self._asked:
            text = self._asked.popleft()
            self._waiting -= len(text)
            await answer(packets.decode(text))
            while self._connection.waiting > _ROOM_BYTES:
                self._left.clear()
                await self._left.wait()

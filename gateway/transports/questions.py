"""The questions of a watcher, `watch` and `unwatch`: answered one at a time, in their order.

An answer to `watch` holds a snapshot. A client that takes no answers could pile them up by asking
again and again. So a question waits until the answer before it has left. How many wait is bounded
by the messages that a client may send.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.engine.connection import UNSENT_BYTES, Connection
from gateway.engine.packets import Packet

_ROOM_BYTES: Final = UNSENT_BYTES
"""Bytes that may wait for a client when its next question is answered."""


class Questions:
    """The questions of the watcher of a connection, oldest first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: deque[Packet] = deque()
        self._left = asyncio.Event()

    def ask(self, packet: Packet) -> None:
        """Add a question."""
        self._asked.append(packet)

    def left(self) -> None:
        """Take note that answers have left."""
        self._left.set()

    async def answer(self, answer: Callable[[Packet], Awaitable[None]]) -> None:
        """Answer all questions, also those that are asked meanwhile."""
        while self._asked:
            await answer(self._asked.popleft())
            while self._connection.waiting > _ROOM_BYTES:
                self._left.clear()
                await self._left.wait()

"""The drain: a process that stops closes its watchers one by one, not all at the same moment."""

import asyncio
import random
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

A_SECOND: Final = 100
"""Watchers closed in a second, if the drain is long enough."""


class Drain:
    """Begins with SIGTERM or SIGINT, and lasts `seconds` at most.

    Each watcher, and each request that waits, is let go at a random moment of that time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = asyncio.Event()
        self._waiting = 0
        self.on_begin: Callable[[], None] = lambda: None
        """Called when it begins."""

    def heed_signals(self) -> None:
        """Begin at the signals that stop the server; its own handlers are called as well."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            server = signal.getsignal(number)

            def handle(number: int, frame: FrameType | None, server: object = server) -> None:
                loop.call_soon_threadsafe(self._begin)
                if callable(server):
                    server(number, frame)

            signal.signal(number, handle)

    def _begin(self) -> None:
        self._begun.set()
        self.on_begin()

    def moment(self, watchers: int) -> float:
        """Return a random moment, in seconds, for one of `watchers`: few are let go sooner."""
        span = min(self._seconds, watchers / A_SECOND)
        return random.uniform(0, span)  # noqa: S311 - spreads load, no secret

    async def turn(self) -> None:
        """Return when the drain has begun and it is the caller's turn to let its client go."""
        self._waiting += 1
        try:
            await self._begun.wait()
            await asyncio.sleep(self.moment(self._waiting))
        finally:
            self._waiting -= 1

"""Timers: one timer of the event loop for all connections that wait equally long.

As everything waits the same time, the first that was added is the first due, and a queue will do:
adding costs no heap of timers, however many connections there are.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Timers(Generic[T]):
    """Calls `due` with everything that was added, `seconds` after it was, in that order."""

    def __init__(self, seconds: float, due: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, thing: T) -> None:
        """Make `thing` due in `seconds`."""
        moment = self._loop.time() + self._seconds
        self._waiting.append((moment, thing))
        if not self._timer:
            self._timer = self._loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        try:
            while self._waiting and self._waiting[0][0] <= now:
                self._due(self._waiting.popleft()[1])
        finally:  # whatever one of them raises, the others become due
            first = self._waiting[0][0] if self._waiting else None
            self._timer = None if first is None else self._loop.call_at(first, self._ring)

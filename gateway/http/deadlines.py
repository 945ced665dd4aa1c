"""Deadlines: one timer of the event loop for all that may last equally long.

As everything is given the same time, what began first is due first. So a queue will do, and both
ends of a deadline cost little, however many there are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `due` with everything that was begun and not ended, `seconds` after it was."""

    def __init__(self, seconds: float, due: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._moments: OrderedDict[T, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, thing: T) -> None:
        """Make `thing` due in `seconds`, unless it ends before; it has not begun yet."""
        moment = self._loop.time() + self.seconds
        self._moments[thing] = moment
        if not self._timer:
            self._timer = self._loop.call_at(moment, self._ring)

    def end(self, thing: T) -> None:
        """Take note that `thing` is done in time."""
        self._moments.pop(thing, None)

    def _ring(self) -> None:
        now = self._loop.time()
        while self._moments:
            thing, moment = next(iter(self._moments.items()))
            if moment > now:
                self._timer = self._loop.call_at(moment, self._ring)
                return
            del self._moments[thing]
            self._due(thing)
        self._timer = None  # not before: what is due may begin again

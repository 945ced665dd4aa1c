"""A clock that stands still while its process does.

A process that was frozen (SIGSTOP, a laptop that slept, a machine short of CPU) finds all its
timers due when it goes on, while the news of that time still waits in its sockets. By this clock
nobody was silent meanwhile, and nothing took long.

A freeze is noticed by a pulse: a timer that is late.
"""

import asyncio
import time
from typing import Final

_MOMENT: Final = 0.1
"""Lag in seconds that is normal for an event loop: no freeze."""


class AwakeClock:
    """The clock of an event loop; `run` looks at it once in `pulse` seconds."""

    def __init__(self, pulse: float = 0.5) -> None:
        self._pulse = pulse
        self._due = float("inf")
        self._stood_still = 0.0
        self.freezes = 0
        """Freezes that the pulse has noticed."""

    async def run(self) -> None:
        """Watch for freezes, until cancelled."""
        while True:
            self._due = time.monotonic() + self._pulse
            await asyncio.sleep(self._pulse)
            late = self.late
            if late > 0:
                self._stood_still += late
                self.freezes += 1

    def time(self) -> float:
        """Return the seconds in which this process ran, from any moment on."""
        now = time.monotonic()
        return now - self._stood_still - self._lateness(now)

    @property
    def late(self) -> float:
        """By how many seconds the pulse is late now; 0 when that is normal."""
        return self._lateness(time.monotonic())

    def _lateness(self, now: float) -> float:
        late = now - self._due
        return late if late > _MOMENT else 0.0

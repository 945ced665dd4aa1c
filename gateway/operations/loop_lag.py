"""How late the event loop of this process is, and its end when it hangs."""

import asyncio
import faulthandler
from collections import deque
from typing import Final

TICK_SECONDS: Final = 0.25
WINDOW_SECONDS: Final = 15.0
HANG_SECONDS: Final = 10
"""A process that does nothing for so long is replaced."""


class LoopLag:
    """Measures by how much a timer is late.

    After `hang_seconds` without a turn of the event loop the process writes to standard error what
    each thread is at, and ends: for one that somebody replaces. None lets it wait.
    """

    def __init__(self, hang_seconds: float | None = None) -> None:
        self._hang_seconds = hang_seconds
        self._late = deque([0.0], maxlen=round(WINDOW_SECONDS / TICK_SECONDS))

    @property
    def worst(self) -> float:
        """The worst of the last 15 s, in seconds."""
        return max(self._late)

    async def run(self) -> None:
        """Measure, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                due = loop.time() + TICK_SECONDS
                if self._hang_seconds:
                    faulthandler.dump_traceback_later(self._hang_seconds, exit=True)
                await asyncio.sleep(TICK_SECONDS)
                self._late.append(max(0.0, loop.time() - due))
        finally:
            faulthandler.cancel_dump_traceback_later()

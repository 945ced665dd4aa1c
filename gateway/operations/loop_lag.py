"""The lag of the event loop of this process, and the end of the process when it hangs."""

import asyncio
import faulthandler
from collections import deque
from typing import Final

TICK_SECONDS: Final = 0.25
WINDOW_SECONDS: Final = 15.0
HANG_SECONDS: Final = 10
"""Seconds without a turn of the event loop after which a process is replaced."""

_ARMED_FOR: Final = 0.25
"""Part of that time after which the alarm is set anew, which costs a thread: a hang may be found
so much earlier."""


class LoopLag:
    """Measures by how much a timer is late.

    After `hang_seconds` without a turn of the event loop the process writes a traceback of each
    thread to standard error and ends, so that its supervisor replaces it. None: it goes on.
    """

    def __init__(self, hang_seconds: float | None = None) -> None:
        self._hang_seconds = hang_seconds
        self._late = deque([0.0], maxlen=round(WINDOW_SECONDS / TICK_SECONDS))

    @property
    def worst(self) -> float:
        """The worst lag of the last 15 s, in seconds."""
        return max(self._late)

    async def run(self) -> None:
        """Measure, until cancelled."""
        loop = asyncio.get_running_loop()
        armed = float("-inf")
        try:
            while True:
                due = loop.time() + TICK_SECONDS
                if self._hang_seconds and due - armed > self._hang_seconds * _ARMED_FOR:
                    faulthandler.dump_traceback_later(self._hang_seconds, exit=True)
                    armed = loop.time()
                await asyncio.sleep(TICK_SECONDS)
                self._late.append(max(0.0, loop.time() - due))
        finally:
            faulthandler.cancel_dump_traceback_later()

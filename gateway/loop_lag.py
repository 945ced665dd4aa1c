"""How late the event loop of this process is."""

import asyncio
from collections import deque
from typing import Final

TICK_SECONDS: Final = 0.25
WINDOW_SECONDS: Final = 15.0


class LoopLag:
    """Measures by how much a timer is late."""

    def __init__(self) -> None:
        self._late = deque([0.0], maxlen=round(WINDOW_SECONDS / TICK_SECONDS))

    @property
    def worst(self) -> float:
        """The worst of the last 15 s, in seconds."""
        return max(self._late)

    async def run(self) -> None:
        """Measure, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self._late.append(max(0.0, loop.time() - due))

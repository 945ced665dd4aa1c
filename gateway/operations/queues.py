"""Edge: the numbers of starts in the queues of the broker, delayed ones and dead letters too."""

import asyncio
from typing import Final

from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.queue_lengths import queue_lengths
from buildfeed.errors import BrokerUnavailable

REFRESH_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 1.0


class Queues:
    """The queues of the broker, which is asked every 5 s at most."""

    def __init__(self, link: AmqpLink) -> None:
        self._link = link
        self._asked = float("-inf")
        self._known: dict[str, int] = {}

    async def lengths(self) -> dict[str, int]:
        """Return the lengths by name of the queue; empty while the broker does not answer."""
        now = asyncio.get_running_loop().time()
        if now - self._asked >= REFRESH_SECONDS:
            self._asked = now
            self._known = await self._ask()
        return self._known

    async def _ask(self) -> dict[str, int]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(self._link.call(queue_lengths))
        except (BrokerUnavailable, TimeoutError):
            return {}

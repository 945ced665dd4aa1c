"""Edge: how many starts wait in the queues of the broker, dead letters too."""

import asyncio
from typing import Final

from broker.amqp import AmqpLink
from broker.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH
from buildfeed.errors import BrokerUnavailable

REFRESH_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 1.0


class QueueLengths:
    """Asks the broker, at most every 5 s.

    Messages that a worker holds unacknowledged are not counted: its builds run.
    """

    def __init__(self, link: AmqpLink) -> None:
        self._link = link
        self._asked = float("-inf")
        self._known: dict[str, int] = {}

    async def read(self) -> dict[str, int]:
        """Return the lengths by name of the queue; nothing while the broker does not answer."""
        now = asyncio.get_running_loop().time()
        if now - self._asked >= REFRESH_SECONDS:
            self._asked = now
            self._known = await self._ask()
        return self._known

    async def _ask(self) -> dict[str, int]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                # Passive: asks, declares nothing. RabbitMQ 4.3 wants the permission `configure` for
                # it all the same; a gateway has it, as it makes the queues.
                answer = self._link.call(
                    lambda channel: {
                        queue: channel.queue_declare(queue, passive=True).method.message_count
                        for queue in (BUILDS_HIGH, BUILDS, BUILDS_DEAD)
                    }
                )
                return await asyncio.wrap_future(answer)
        except (BrokerUnavailable, TimeoutError):
            return {}

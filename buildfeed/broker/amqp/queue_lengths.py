"""The lengths of the broker's queues: starts, delayed starts and dead letters."""

from typing import Final

from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.amqp.delay import RUNG_QUEUES
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH

DELAYED: Final = "delayed"
"""The name for all queues of the ladder together."""


def queue_lengths(channel: BlockingChannel) -> dict[str, int]:
    """Return the lengths by name of the queue, and of `DELAYED`.

    Messages that a worker holds unacknowledged are not counted: its builds run.
    """

    def length(queue: str) -> int:
        # Passive: asks, declares nothing. RabbitMQ 4.3 wants the permission `configure` for it all
        # the same; a gateway has it, as it makes the queues.
        return channel.queue_declare(queue, passive=True).method.message_count

    lengths = {queue: length(queue) for queue in (BUILDS_HIGH, BUILDS, BUILDS_DEAD)}
    return lengths | {DELAYED: sum(map(length, RUNG_QUEUES))}

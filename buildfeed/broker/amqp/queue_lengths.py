"""The lengths of the broker's queues: starts, delayed starts and dead letters."""

from typing import Final

from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.amqp.delay import RUNG_QUEUES
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH

DELAYED: Final = "delayed"
"""The name for the queues of all delayed starts together."""


def queue_lengths(channel: BlockingChannel) -> dict[str, int]:
    """Return the number of messages in each queue by its name, and by `DELAYED`.

    A start that a worker holds unacknowledged is not counted: its build runs.
    """

    def length(queue: str) -> int:
        # A passive declare asks, and declares nothing. RabbitMQ 4.3 wants the permission
        # `configure` for it all the same; a gateway has that, because it declares the queues.
        return channel.queue_declare(queue, passive=True).method.message_count

    lengths = {queue: length(queue) for queue in (BUILDS_HIGH, BUILDS, BUILDS_DEAD)}
    return lengths | {DELAYED: sum(map(length, RUNG_QUEUES))}

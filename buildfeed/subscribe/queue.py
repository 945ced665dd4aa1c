"""A durable queue of RabbitMQ: it keeps every message for an app that is away, for 7 days.

It is a quorum queue with a single active consumer: of several processes of an app one gets all
activities, in order, and another takes its place when it ends. RabbitMQ 4 drops a message after 20
deliveries unless the queue has another limit; so would an app lose some that is restarted again and
again, or whose network is bad.
"""

import logging
from typing import Any, Final

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from buildfeed.broker.amqp.topology import SESSION_MAX_BYTES, SESSION_MAX_LENGTH, TOPIC_EXCHANGE
from buildfeed.broker.mqtt.connection import SESSION_SECONDS
from buildfeed.subscribe.amqp import OnMessage
from buildfeed.topics import Filter

log = logging.getLogger(__name__)

PREFETCH: Final = 50
"""Messages that RabbitMQ sends before one of them is acknowledged."""

ARGUMENTS: Final[dict[str, Any]] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 1_000_000,
    "x-max-length": SESSION_MAX_LENGTH,
    "x-max-length-bytes": SESSION_MAX_BYTES,
    "x-expires": 1000 * SESSION_SECONDS,
}
"""Arguments of the queue of an app. RabbitMQ refuses to declare an existing one with others."""


class Queue:
    """The queue `name`, bound to the topics that `filter_` matches."""

    def __init__(self, name: str, filter_: Filter) -> None:
        self._name = name
        self._key = ".".join("*" if level == "+" else level for level in filter_.levels)

    def consume(self, channel: BlockingChannel, on_message: OnMessage, _offset: int | None) -> None:
        """Make the queue if need be, and consume from it; see `Consumer`."""
        declared = channel.queue_declare(self._name, durable=True, arguments=ARGUMENTS)
        if declared.method.consumer_count:
            log.info("subscriber.standby", extra={"queue": self._name})
        channel.queue_bind(self._name, TOPIC_EXCHANGE, self._key)
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(self._name, on_message)

    def offset(self, _properties: BasicProperties) -> None:
        """Return None: a queue has no offsets."""

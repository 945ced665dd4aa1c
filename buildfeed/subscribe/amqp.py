"""What RabbitMQ sends to a consumer of an app, on a connection that is made again when it is lost.

Relied on: a message can be acknowledged only on the channel that it came on.
"""

from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Final, Protocol

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.subscribe.source import Take
from buildfeed.subscribe.waiting import Received

_STOP_SECONDS: Final = 3.0
"""Seconds that the last acknowledgement may take before the connection is closed."""


class OnMessage(Protocol):
    """A consumer's callback, as pika calls it."""

    def __call__(
        self,
        channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
        /,
    ) -> None:
        """Take a message."""


class Consumer(Protocol):
    """How one consumes from a queue or a stream."""

    def consume(
        self, channel: BlockingChannel, on_message: OnMessage, offset: int | None, /
    ) -> None:
        """Have messages sent; `offset` is that of the last one of the stream that is done."""

    def offset(self, properties: BasicProperties, /) -> int | None:
        """Return the offset of a message in the stream, None for one of a queue."""


class AmqpSource:
    """Messages at `url` by a `consumer`."""

    def __init__(self, url: str, consumer: Consumer) -> None:
        self._consumer = consumer
        self._take: Take = lambda _received: None
        self._offset: int | None = None
        self._connection = 0
        self._settled: Future[None] | None = None
        self._link = AmqpLink(url, name="subscriber", declares=False, on_up=self._up)

    def start(self, take: Take, offset: int | None) -> None:
        """Connect; see `Source`."""
        self._take, self._offset = take, offset
        self._link.start()

    def stop(self) -> None:
        """Disconnect; see `Source`."""
        if self._settled:
            wait([self._settled], _STOP_SECONDS)
        self._link.stop()

    def _up(self, channel: BlockingChannel) -> None:
        self._connection += 1
        self._consumer.consume(channel, partial(self._receive, self._connection), self._offset)

    def _receive(
        self,
        connection: int,
        _channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        offset = self._consumer.offset(properties)
        if offset is not None and self._offset is None:
            self._offset = offset - 1  # a new connection begins here, also if this is not done yet
        done = partial(self._done, connection, method.delivery_tag or 0, offset)
        topic = _topic(method.routing_key)
        self._take(Received(topic, body, connection, done, offset=offset))

    def _done(self, connection: int, tag: int, offset: int | None) -> None:
        """Acknowledge a message, in the thread of the app."""

        def acknowledge(channel: BlockingChannel) -> None:
            if connection == self._connection:
                channel.basic_ack(tag)

        if offset is not None:
            self._offset = offset
        self._settled = self._link.call(acknowledge)


def _topic(routing_key: Any) -> str:  # noqa: ANN401 - bytes, where a key is no UTF-8
    return routing_key.replace(".", "/") if isinstance(routing_key, str) else ""

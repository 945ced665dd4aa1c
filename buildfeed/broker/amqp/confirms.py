"""Publishes that do not wait for each other's confirms.

A confirm takes a write to the broker's disk and a turn of both processes. pika's BlockingChannel
waits for each before the next publish, which limits the starts per second. Here up to `WINDOW`
publishes are under way, each with a future. The broker numbers the publishes of a channel from 1
and confirms a number, or every one up to it (`multiple`), in any order (RabbitMQ: "publisher
confirms").

Relied on in pika: `BlockingChannel._impl` is its asynchronous `Channel`, usable in the thread of
the connection; `process_data_events` writes what it published and runs its callbacks, and returns
once a callback of `add_callback_threadsafe` is due, also one added by the callbacks it runs.
"""

from concurrent.futures import Future
from typing import Any, Final

from pika import BasicProperties, BlockingConnection
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic

from buildfeed.errors import BrokerUnavailable

WINDOW: Final = 64
"""Publishes that may be unconfirmed at a time. As many may arrive though no caller was told so."""

Message = tuple[str, str, bytes, BasicProperties]
"""Exchange, routing key, body, properties."""


class Confirms:
    """A channel of its own, in confirm mode; used in the thread of the connection only."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        blocking: Any = connection.channel()
        self._channel: Channel = blocking._impl  # noqa: SLF001 - see "Relied on"
        self._channel.confirm_delivery(self._confirmed)
        connection.add_on_connection_blocked_callback(lambda *_: self._block(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._block(blocked=False))
        self._blocked = False
        self._sent = 0
        self._unconfirmed: dict[int, Future[None]] = {}

    @property
    def is_open(self) -> bool:
        """False once the broker has closed the channel."""
        return self._channel.is_open

    @property
    def ready(self) -> bool:
        """False while the broker is not to be sent more: it is slow, or short of memory or disk."""
        return not self._blocked and len(self._unconfirmed) < WINDOW

    def publish(self, message: Message, future: "Future[None]") -> None:
        """Publish; `future` is done when the broker has it, or fails when a queue refused it.

        Raises pika's ChannelWrongStateError.
        """
        self._sent += 1
        self._unconfirmed[self._sent] = future
        self._channel.basic_publish(*message)

    def fail(self) -> None:
        """Fail what is unconfirmed: the connection is gone."""
        while self._unconfirmed:
            _, future = self._unconfirmed.popitem()
            future.set_exception(BrokerUnavailable(sent=True))

    def _confirmed(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        if not self.ready:
            self._connection.add_callback_threadsafe(lambda: None)  # `process_data_events` returns
        last, multiple = frame.method.delivery_tag, frame.method.multiple
        for tag in [tag for tag in self._unconfirmed if tag == last or (multiple and tag < last)]:
            future = self._unconfirmed.pop(tag)
            if isinstance(frame.method, Basic.Ack):
                future.set_result(None)
            else:
                future.set_exception(BrokerUnavailable(sent=True))

    def _block(self, *, blocked: bool) -> None:
        self._blocked = blocked

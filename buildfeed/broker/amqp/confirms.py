"""Publishes that do not wait for each other's confirms.

A confirm takes a write to the broker's disk and a turn of both processes. pika's BlockingChannel
waits for each before the next publish, which limits the starts per second. Here up to `WINDOW`
publishes are under way, each with a future. The broker numbers the publishes of a channel from 1
and confirms a number, or every one up to it (`multiple`), in any order (RabbitMQ: "publisher
confirms").

Relied on in pika: `BlockingChannel._impl` is its asynchronous `Channel`, usable in the thread of
the connection; `process_data_events` writes its publishes and runs its callbacks, and returns
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
"""Publishes that may be unconfirmed at a time. After a loss of the connection as many may have
arrived though their callers were told of a failure."""

Message = tuple[str, str, bytes, BasicProperties]
"""Exchange, routing key, body, properties."""


class Confirms:
    """A channel of its own, in confirm mode; used in the thread of the connection only."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        blocking: Any = connection.channel()
        self._channel: Channel = blocking._impl  # noqa: SLF001 - see "Relied on"
        self._channel.confirm_delivery(self._confirmed)
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))
        self._blocked = False
        self._last_tag = 0
        self._unconfirmed: dict[int, Future[None]] = {}

    @property
    def is_open(self) -> bool:
        """False once the broker has closed the channel."""
        return self._channel.is_open

    @property
    def ready(self) -> bool:
        """False while `WINDOW` publishes are unconfirmed, or the broker has no memory or disk."""
        return not self._blocked and len(self._unconfirmed) < WINDOW

    def publish(self, message: Message, future: "Future[None]") -> None:
        """Publish; `future` completes with the confirm.

        It fails with BrokerUnavailable(sent=True) when a queue refused the message. Raises pika's
        ChannelWrongStateError when the channel is closed.
        """
        self._last_tag += 1
        self._unconfirmed[self._last_tag] = future
        self._channel.basic_publish(*message)

    def fail(self) -> None:
        """Fail all unconfirmed publishes: the connection is lost."""
        while self._unconfirmed:
            _, future = self._unconfirmed.popitem()
            future.set_exception(BrokerUnavailable(sent=True))

    def _confirmed(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        if not self.ready:  # calls may wait for this confirm: have `process_data_events` return
            self._connection.add_callback_threadsafe(lambda: None)
        last, multiple = frame.method.delivery_tag, frame.method.multiple
        for tag in [tag for tag in self._unconfirmed if tag == last or (multiple and tag < last)]:
            future = self._unconfirmed.pop(tag)
            if isinstance(frame.method, Basic.Ack):
                future.set_result(None)
            else:
                future.set_exception(BrokerUnavailable(sent=True))

    def _set_blocked(self, *, blocked: bool) -> None:
        self._blocked = blocked

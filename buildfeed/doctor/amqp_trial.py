"""Trials by AMQP: whether a user may publish, take and make, without doing any of it.

RabbitMQ looks at a permission first (403), and at the rest of a request later (406). So the request
of a trial has a flaw that is found after the permission, and nothing ever happens: no message is
published or taken, no queue is made. So it is in `rabbit_channel` of 3.10, on which it is tested,
and of 4.x, where a wrong `expiration` would be found too early.

Relied on in pika: `BlockingConnection._impl` has `server_properties`.
"""

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ConnectionClosed,
)

from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE
from buildfeed.doctor.unreachable import Unreachable, reason

# It logs what it raises, with tracebacks.
logging.getLogger("pika").setLevel(logging.CRITICAL)

_REFUSED, _TOO_LARGE = 403, 311
_MISSING: Final = 404
_SECONDS: Final = 10.0
_BLOCKED_SECONDS: Final = 2.0
"""Seconds for which a broker that is short of memory or disk may read nothing of a trial."""
_FLAW: Final = "doctor-check"
"""Stands where a number has to be, or the name of the user."""
_NOWHERE: Final = "doctor-check.nowhere"
"""A routing key that nobody listens to."""


class AmqpTrial:
    """One AMQP connection of a user; `version` is that of the broker."""

    def __init__(self, connection: pika.BlockingConnection) -> None:
        self._connection = connection
        told: Any = getattr(connection, "_impl").server_properties or {}  # noqa: B009 - see above
        self.version = _text(told.get("version"))

    def impersonates(self) -> bool:
        """Tell whether the user may send in the name of others: then a trial would publish."""
        try:
            with self._channel() as channel:
                channel.basic_publish(TOPIC_EXCHANGE, _NOWHERE, b"", _named())
        except ChannelClosedByBroker:
            return False
        return True

    def may_publish(self, exchange: str, key: str) -> bool:
        """Tell whether the user, who does not impersonate, may publish by a routing key."""
        return bool(self._try(lambda channel: channel.basic_publish(exchange, key, b"", _named())))

    def may_take(self, queue: str) -> bool | None:
        """Tell whether the user may consume from a queue; None if there is none."""
        flawed = {"x-priority": _FLAW}
        return self._try(lambda channel: channel.basic_consume(queue, _ignore, arguments=flawed))

    def may_make(self, queue: str) -> bool:
        """Tell whether the user may declare and delete a queue of this name."""
        flawed = {"x-max-length": _FLAW}
        return bool(
            self._try(lambda channel: channel.queue_declare(queue, durable=True, arguments=flawed))
        )

    def exists(self, queue: str) -> bool:
        """Tell whether there is a queue."""
        return self._try(lambda channel: channel.queue_declare(queue, passive=True)) is not None

    def has(self, queue: str, arguments: dict[str, Any]) -> str:
        """Return what is other than with these arguments in a queue that exists, empty if all fit.

        Only for somebody who may make it.
        """
        try:
            with self._channel() as channel:
                channel.queue_declare(queue, durable=True, arguments=arguments)
        except ChannelClosedByBroker as exc:
            return str(exc.reply_text)
        return ""

    def takes_bytes(self, exchange: str, key: str, size: int) -> bool:
        """Tell whether the broker takes a message of so many bytes, from somebody who may."""
        try:
            with self._channel() as channel:
                channel.basic_publish(exchange, key, bytes(size), _named())
        except ChannelClosedByBroker as exc:
            return exc.reply_code != _TOO_LARGE and "larger than" not in exc.reply_text
        return True

    def _try(self, ask: Callable[[BlockingChannel], object]) -> bool | None:
        try:
            with self._channel() as channel:
                ask(channel)
        except ChannelClosedByBroker as exc:
            if exc.reply_code == _MISSING:
                return None
            return exc.reply_code != _REFUSED
        return True

    @contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        channel = self._connection.channel()
        channel.confirm_delivery()
        try:
            yield channel
        finally:
            if channel.is_open:
                channel.close()


@contextmanager
def connected(url: str, user: str | None = None, password: str = "") -> Iterator[AmqpTrial]:
    """Give a connection to `url`, as another user if one is named; raises Unreachable."""
    try:
        parameters = pika.URLParameters(url)
        parameters.socket_timeout = parameters.stack_timeout = _SECONDS
        parameters.blocked_connection_timeout = _BLOCKED_SECONDS
        if user is not None:
            parameters.credentials = pika.PlainCredentials(user, password)
        connection = pika.BlockingConnection(parameters)
    except (AMQPError, OSError, ssl.SSLError, ValueError) as exc:
        raise Unreachable(_reason(exc)) from exc
    try:
        yield AmqpTrial(connection)
    except AMQPError as exc:
        raise Unreachable(_reason(exc)) from exc
    finally:
        if connection.is_open:
            connection.close()


def _named() -> pika.BasicProperties:
    """Return properties with another user's name, which only an impersonator may use."""
    return pika.BasicProperties(user_id=_FLAW)


def _ignore(*_: object) -> None:
    pass


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _reason(exc: BaseException) -> str:
    """Return what the broker says, or the error of the connection that pika hides in its own."""
    if isinstance(exc, ConnectionBlockedTimeout):
        return "it is short of memory or disk, and reads nothing"
    if isinstance(exc, ConnectionClosed):
        return exc.reply_text
    first: object = exc
    while isinstance(first, AMQPError) and first.args:
        first = getattr(first.args[-1], "exception", first.args[-1])
    return reason(first) if isinstance(first, OSError) else str(exc) or type(exc).__name__

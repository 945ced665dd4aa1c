"""The AMQP link: a connection that is made again whenever it is lost; pika does not reconnect.

A BlockingConnection may be used in one thread only. That is the thread of the link, which waits for
the broker and for calls of other threads in the same `process_data_events`; a call ends its wait
with `add_callback_threadsafe`. Calls wait in order. A call runs when it is the oldest, the
connection is up, and the broker takes more publishes (`Confirms.ready`). Until then it can be
cancelled, and is known not to be sent. A call that has begun when the connection breaks may have
been sent.

Relied on in pika: `BlockingChannel.close` cancels the consumers in `_consumer_infos`, that of its
`_impl` those that are not in `_cancelled`; a channel that is closing ignores deliveries.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import Any, Final, TypeVar

from pika import BlockingConnection, URLParameters
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelWrongStateError, ConnectionWrongStateError

from buildfeed.activity import Activity
from buildfeed.broker.amqp.confirms import Confirms
from buildfeed.broker.amqp.stream import assert_stream
from buildfeed.broker.amqp.topology import assert_topology, message
from buildfeed.errors import BrokerUnavailable

log = logging.getLogger(__name__)
# pika logs several lines, some with a traceback, for each attempt to connect; the link logs the
# reason once. Only the reason why the broker closed a channel is left for pika to log.
logging.getLogger("pika").setLevel(logging.CRITICAL)
logging.getLogger("pika.channel").setLevel(logging.WARNING)

T = TypeVar("T")
Work = Callable[[BlockingChannel], T]
_Call = Callable[[BlockingChannel, Confirms], None]

_RANDOM: Final = SystemRandom()
_FIRST_DELAY_SECONDS: Final = 0.2
_MAX_DELAY_SECONDS: Final = 4.0
"""Longest first pause, and longest pause of all, before the link connects again."""

_TICK_SECONDS: Final = 1.0
"""Longest wait for the broker and for calls, in one turn."""

_HEARTBEAT_SECONDS: Final = 5
"""AMQP heartbeat, in seconds: a dead connection is noticed within about twice this."""

_SOCKET_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 10.0
"""Seconds that the TCP connection, and TCP, TLS and AMQP together, may take."""

_STREAM_DELAY_SECONDS: Final = 2.0
"""Seconds between the topology and the stream: a broker that starts accepts connections before it
has its streams."""

_STOP_SECONDS: Final = 3.0
"""Seconds that `stop` waits for the thread of the link."""


class AmqpLink:
    """One AMQP connection to `url`, made again whenever it is lost, in a thread of its own.

    It has one channel, in confirm mode, and asserts the topology. `on_up(channel)` is called after
    every connect, and may start consumers. `on_down(reason)` is called when the connection fails or
    cannot be made, again whenever the reason changes, and not after `stop`. Both run in the link's
    thread, as do consumers and `call`s: none of them may block for long. When the broker closes the
    channel or cancels a consumer, the connection counts as failed.

    `declares=False` is for a user that may not declare queues: another process asserts the
    topology. Until it has, consuming from a missing queue fails the connection, which is tried
    again. The stream is asserted 2 s after the topology.

    A broker that is short of memory or disk stops reading from connections that publish. Then
    publishes wait until it reads again, and so do the calls behind them. With `blocked_seconds` the
    connection counts as failed after that time.

    A delivery can be acknowledged only on the channel that it came on: delivery tags are numbers of
    one channel.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        declares: bool = True,
        blocked_seconds: float | None = None,
        on_up: Callable[[BlockingChannel], None] | None = None,
        on_down: Callable[[str], None] | None = None,
    ) -> None:
        self._parameters = URLParameters(url)
        self._parameters.heartbeat = _HEARTBEAT_SECONDS
        self._parameters.socket_timeout = _SOCKET_SECONDS
        self._parameters.stack_timeout = _CONNECT_SECONDS
        self._parameters.blocked_connection_timeout = blocked_seconds
        self._parameters.client_properties = {"connection_name": name}
        self._name = name
        self._declares = declares
        self._on_up = on_up
        self._on_down = on_down
        self._delay = _FIRST_DELAY_SECONDS
        self._reported_reason = ""
        self._calls: OrderedDict[Future[Any], _Call] = OrderedDict()
        self._connection: BlockingConnection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"amqp-{name}", daemon=True)

    @property
    def up(self) -> bool:
        """True from the end of `on_up` until the connection fails."""
        return self._connection is not None

    def start(self) -> None:
        """Connect, and stay connected until `stop`; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection; waiting calls fail with BrokerUnavailable(sent=False).

        A call that does not end within 3 s is left behind with its thread.
        """
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._refuse_calls()

    def call(self, work: Work[T]) -> Future[T]:
        """Run `work` with the channel in the link's thread. Thread-safe, never blocks.

        While the connection is down, the call waits for the next one. `cancel()` of the future
        returns True if the call has not begun, so nothing was sent. A call that has begun when the
        channel breaks fails with BrokerUnavailable(sent=True). Other exceptions of `work` go to
        the future.
        """
        future: Future[T] = Future()
        self._add_call(future, lambda channel, _: _run_call(channel, future, work))
        return future

    def publish(self, activity: Activity) -> "Future[None]":
        """Publish a command; the confirm completes the future. Thread-safe, never blocks.

        Publishes do not wait for each other's confirms, and keep their order. `cancel()` as in
        `call`. The future fails with BrokerUnavailable(sent=True) when a queue refused the command
        (another queue may have it) or the connection broke. Raises InvalidActivity when the command
        is too long.
        """
        future: Future[None] = Future()
        command = message(activity)
        self._add_call(future, lambda _, confirms: confirms.publish(command, future))
        return future

    def _add_call(self, future: Future[Any], work: _Call) -> None:
        self._calls[future] = work
        future.add_done_callback(self._remove_call)
        if self._stopping.is_set():
            self._refuse_calls()
        self._wake()

    def _remove_call(self, future: Future[Any]) -> None:
        self._calls.pop(future, None)

    def _wake(self) -> None:
        if connection := self._connection:
            with suppress(ConnectionWrongStateError):
                connection.add_callback_threadsafe(lambda: None)

    def _run(self) -> None:
        while True:
            try:
                self._serve()
            except (AMQPError, OSError) as exc:
                self._report_down(repr(exc))
            except Exception as exc:
                log.exception("amqp.failed", extra={"link": self._name})
                self._report_down(repr(exc))
            if self._stopping.wait(self._delay * _RANDOM.uniform(0.5, 1)):
                break
            self._delay = min(2 * self._delay, _MAX_DELAY_SECONDS)

    def _serve(self) -> None:
        """Connect, and serve until the link stops; raises if the connection ends before."""
        connection = BlockingConnection(self._parameters)
        confirms = Confirms(connection)
        channel: BlockingChannel | None = None
        try:
            channel = connection.channel()
            channel.add_on_cancel_callback(lambda _frame: channel.close())
            channel.confirm_delivery()
            if self._declares:
                assert_topology(channel)
                connection.call_later(_STREAM_DELAY_SECONDS, partial(assert_stream, connection))
            if self._on_up:
                self._on_up(channel)
            self._connection, self._reported_reason = connection, ""
            self._delay = _FIRST_DELAY_SECONDS
            log.info("amqp.up", extra={"link": self._name})
            while not self._stopping.is_set():
                self._run_calls(channel, confirms)
                connection.process_data_events(time_limit=_TICK_SECONDS)
                # The broker may close a channel alone, e.g. when an acknowledgement is overdue.
                if not (channel.is_open and confirms.is_open):
                    raise ChannelWrongStateError("The broker closed the channel.")
        finally:
            self._connection = None
            confirms.fail()
            if connection.is_open:
                if channel:
                    _leave_consumers(channel)
                connection.close()

    def _report_down(self, reason: str) -> None:
        if self._stopping.is_set() or reason == self._reported_reason:
            return
        self._reported_reason = reason
        log.warning("amqp.down", extra={"link": self._name, "reason": reason})
        try:
            if self._on_down:
                self._on_down(reason)
        except Exception:
            log.exception("amqp.handler_failed", extra={"link": self._name})

    def _run_calls(self, channel: BlockingChannel, confirms: Confirms) -> None:
        while confirms.ready and not self._stopping.is_set() and (call := self._next_call()):
            _, work = call
            work(channel, confirms)

    def _refuse_calls(self) -> None:
        while call := self._next_call():
            future, _ = call
            future.set_exception(BrokerUnavailable(sent=False))

    def _next_call(self) -> tuple[Future[Any], _Call] | None:
        """Remove and return the oldest call; it is not cancelled, and cannot be any more."""
        while self._calls:
            with suppress(KeyError):  # the last one was cancelled just now
                future, work = self._calls.popitem(last=False)
                if future.set_running_or_notify_cancel():
                    return future, work
        return None


def _leave_consumers(channel: BlockingChannel) -> None:
    """Have `close` not cancel the consumers of a channel.

    A channel that is closed gives back what is not acknowledged all at once, in order. If its
    consumer is cancelled before, another one begins with what is behind that, and what comes
    meanwhile is given back first.
    """
    known: Any = channel
    known._impl._cancelled.update(channel.consumer_tags)  # noqa: SLF001 - see "Relied on"
    known._consumer_infos.clear()  # noqa: SLF001


def _run_call(channel: BlockingChannel, future: Future[T], work: Work[T]) -> None:
    """Run one call; raises only if the channel is closed after it."""
    try:
        result = work(channel)
    except Exception as exc:
        if not channel.is_open:
            unavailable = BrokerUnavailable(sent=True)
            unavailable.__cause__ = exc
            future.set_exception(unavailable)
            raise
        future.set_exception(exc)
    else:
        future.set_result(result)

"""One supervised AMQP connection: pika never reconnects by itself."""

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
# pika prints several lines, some with a traceback, for each attempt to connect; the link tells
# what matters, once. Only why the broker closed a channel is pika's to say.
logging.getLogger("pika").setLevel(logging.CRITICAL)
logging.getLogger("pika.channel").setLevel(logging.WARNING)

T = TypeVar("T")
Work = Callable[[BlockingChannel], T]
_Call = Callable[[BlockingChannel, Confirms], None]

_JITTER: Final = SystemRandom()
_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 4.0
_TICK: Final = 1.0
_HEARTBEAT_SECONDS: Final = 5
_STOP_SECONDS: Final = 3.0
_SOCKET_TIMEOUT: Final = 5.0
_CONNECT_TIMEOUT: Final = 10.0
_STREAM_DELAY: Final = 2.0  # a broker that starts accepts connections before it has its streams


class AmqpLink:
    """A connection to the broker that always comes back, in a thread of its own.

    It offers one channel, in confirm mode, with the topology asserted. `on_up` gets it after every
    connect and may start consumers. `on_down` gets the reason when the connection fails or cannot
    be made, again whenever the reason changes, and not after `stop`. Both are called in the
    link's thread, as are consumers and `call`s: none of them may block for long. A channel or a
    consumer that the broker closes counts as a failure of the connection.

    With `declares=False`, for a user that may not make queues, another process asserts the
    topology; until then a consumer of a missing queue is a failure of the connection, tried again.
    The stream is asserted 2 s after the topology.

    A broker that is short of memory or disk reads nothing more from who publishes. What was
    published then waits until that is over, and the calls behind it; after `blocked_seconds`, if
    given, the connection counts as failed.

    Delivery tags are those of one channel: acknowledge only on the channel of the delivery.
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
        self._parameters.socket_timeout = _SOCKET_TIMEOUT
        self._parameters.stack_timeout = _CONNECT_TIMEOUT
        self._parameters.blocked_connection_timeout = blocked_seconds
        self._parameters.client_properties = {"connection_name": name}
        self._name = name
        self._declares = declares
        self._on_up = on_up
        self._on_down = on_down
        self._delay = _FIRST_DELAY
        self._reason = ""
        self._calls: OrderedDict[Future[Any], _Call] = OrderedDict()
        self._connection: BlockingConnection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"amqp-{name}", daemon=True)

    @property
    def up(self) -> bool:
        """True from the end of `on_up` until the connection fails."""
        return self._connection is not None

    def start(self) -> None:
        """Start connecting, for ever until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection; calls that wait fail with BrokerUnavailable(sent=False).

        A call that hangs longer than 3 s is left behind with its thread.
        """
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._refuse_calls()

    def call(self, work: Work[T]) -> Future[T]:
        """Run `work` with the channel in the link's thread. Thread-safe, never blocks.

        While the connection is down the call waits for the next one; cancel the future to give
        up: True means that nothing was sent. A call that was begun when the channel broke fails
        with BrokerUnavailable(sent=True). What `work` itself raises goes to the future.
        """
        future: Future[T] = Future()
        self._in_thread(future, lambda channel, _: _run_call(channel, future, work))
        return future

    def publish(self, activity: Activity) -> "Future[None]":
        """Publish a command; the future is done once the broker has it. Thread-safe, never blocks.

        Many can be on their way at once, in order. To cancel is as with `call`. It fails with
        BrokerUnavailable(sent=True) when a queue refused it, others may have it, or the connection
        broke. Raises InvalidActivity when it is too long.
        """
        future: Future[None] = Future()
        command = message(activity)
        self._in_thread(future, lambda _, confirms: confirms.publish(command, future))
        return future

    def _in_thread(self, future: Future[Any], work: _Call) -> None:
        self._calls[future] = work
        future.add_done_callback(self._forget)
        if self._stopping.is_set():
            self._refuse_calls()
        self._wake()

    def _forget(self, future: Future[Any]) -> None:
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
                self._down(repr(exc))
            except Exception as exc:
                log.exception("amqp.failed", extra={"link": self._name})
                self._down(repr(exc))
            if self._stopping.wait(self._delay * _JITTER.uniform(0.5, 1)):
                break
            self._delay = min(2 * self._delay, _LONGEST_DELAY)

    def _serve(self) -> None:
        """Connect and work until the link stops; raises whatever breaks the connection."""
        connection = BlockingConnection(self._parameters)
        confirms = Confirms(connection)
        try:
            channel = connection.channel()
            channel.add_on_cancel_callback(lambda _frame: channel.close())
            channel.confirm_delivery()
            if self._declares:
                assert_topology(channel)
                connection.call_later(_STREAM_DELAY, partial(assert_stream, connection))
            self._reason = ""
            if self._on_up:
                self._on_up(channel)
            self._connection = connection
            self._delay = _FIRST_DELAY
            log.info("amqp.up", extra={"link": self._name})
            while not self._stopping.is_set():
                self._run_calls(channel, confirms)
                connection.process_data_events(time_limit=_TICK)
                # e.g. a consumer's timeout: the connection stays
                if not (channel.is_open and confirms.is_open):
                    raise ChannelWrongStateError("The broker closed the channel.")
        finally:
            self._connection = None
            confirms.fail()
            if connection.is_open:
                connection.close()

    def _down(self, reason: str) -> None:
        if self._stopping.is_set() or reason == self._reason:
            return
        self._reason = reason
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
        """Take the oldest call that nobody cancelled: from now on nobody can."""
        while self._calls:
            with suppress(KeyError):  # the last one was cancelled this moment
                future, work = self._calls.popitem(last=False)
                if future.set_running_or_notify_cancel():
                    return future, work
        return None


def _run_call(channel: BlockingChannel, future: Future[T], work: Work[T]) -> None:
    """Run one call; raises only when it broke the channel."""
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

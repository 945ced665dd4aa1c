"""The MQTT link: one connection that heals itself, in a thread of its own.

All state belongs to that thread. Other threads hand work over by the inbox, and publishes wait in
the outbox until the broker has them, whatever happens to the connection. Each connection is a new
`Connection` with a new client id: a broker may still hold the old one, and would close both.
"""

import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from typing import Final

from paho.mqtt.reasoncodes import ReasonCode

from buildfeed.broker.mqtt.connection import Connection
from buildfeed.broker.mqtt.inbox import Inbox
from buildfeed.broker.mqtt.outbox import Outbox, Publish
from buildfeed.broker.mqtt.session import Address, Message, Session, Will
from buildfeed.broker.mqtt.version import VersionChoice
from buildfeed.topics import Filter

__all__ = ["Message", "MqttLink", "Will"]

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS: Final = 0.2
MAX_DELAY_SECONDS: Final = 4.0
PUBACK_SECONDS: Final = 10.0
"""Seconds that a PUBACK may take before the connection is made anew."""

_TICK_SECONDS: Final = 0.5
_JITTER: Final = secrets.SystemRandom()
_FOR_GOOD: Final = frozenset({0x87, 0x90, 0x99})
"""PUBACK reasons that no repetition changes (MQTT 5 §3.4.2.1): not authorized, topic, payload."""


class MqttLink:
    """One MQTT connection to `url`, made again whenever it is lost.

    Handlers run in the thread of the link and must not block; what they raise is logged. `on_up`
    comes after the CONNACK and the SUBACK of every subscription. `on_down(reason)` comes when the
    link goes down or cannot come up, again whenever the reason changes, and not after `stop`.

    A link has a clean session and a client id of its own for every connection, unless `durable_id`
    names a durable session: then the broker keeps QoS 1 messages for 7 days, until `ack`.
    Messages on topics without a subscription are ignored; some brokers send them.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        subscriptions: Sequence[tuple[str, int]] = (),
        on_message: Callable[[Message], None] | None = None,
        on_up: Callable[[], None] | None = None,
        on_down: Callable[[str], None] | None = None,
        durable_id: str | None = None,
        will: Will | None = None,
    ) -> None:
        if will:
            Publish.checked(will.topic, will.payload, qos=1, retain=will.retain)
        self._address = Address.parse(url)
        self._name = re.sub(r"[^a-z0-9-]", "-", name.lower())
        self._filters = {text: (Filter.parse(text), qos) for text, qos in subscriptions}
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._durable_id = durable_id
        self._will = will
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._choice = VersionChoice()
        self._is_wanted = lru_cache(maxsize=2048)(self._matches)  # topics come again and again
        self._connection: Connection | None = None
        self._connections = 0
        self._up = False
        self._reason = ""
        self._stop_by = math.inf
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._name}", daemon=True)

    def start(self) -> None:
        """Connect, and stay connected until `stop`; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 3) -> None:
        """Wait up to `timeout` seconds until all is acknowledged, then disconnect for good.

        What is left then fails with BrokerUnavailable.
        """
        self._inbox.post(partial(setattr, self, "_stop_by", time.monotonic() + timeout))
        if self._thread.ident is None:
            self._end()
        else:
            self._thread.join(timeout + 1)

    @property
    def up(self) -> bool:
        """True from `on_up` until the connection is lost."""
        return self._up

    @property
    def connection(self) -> int:
        """Which connection this is, as `Message.connection` counts them."""
        return self._connections

    def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool = False
    ) -> Future[None]:
        """Publish from any thread, without waiting.

        QoS 1 is kept and sent, again after every reconnect, until its PUBACK completes the future,
        in the order of the calls. QoS 0 is sent now, or dropped while the link is down. The future
        fails with BrokerUnavailable when it was dropped, the broker refuses it for good, or the
        link is stopped. To cancel it takes back the publish: True means that it never was nor will
        be sent. Raises InvalidTopic or InvalidActivity for what no broker would take.
        """
        publish = Publish.checked(topic, payload, qos=qos, retain=retain)
        if (qos == 0 and not self._up) or not self._inbox.post(partial(self._add, publish)):
            publish.fail()
        return publish.future

    def subscribe(self, filter_: str, qos: int) -> None:
        """Add a subscription, now and on every later connection; raise InvalidFilter."""
        parsed = Filter.parse(filter_)
        self._inbox.post(lambda: self._subscribe(parsed, qos))

    def unsubscribe(self, filter_: str) -> None:
        """Remove a subscription."""
        self._inbox.post(lambda: self._unsubscribe(filter_))

    def ack(self, *messages: Message) -> None:
        """Acknowledge QoS 1 messages of a durable session, from any thread.

        Does nothing when their connection is gone: they come again.
        """
        self._inbox.post(lambda: self._ack(*messages))

    # What follows runs in the thread of the link.

    def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while not self._finished():
            began = time.monotonic()
            again = self._connect()
            if time.monotonic() - began > MAX_DELAY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            if not again:
                self._pause(_JITTER.uniform(delay / 2, delay))
                delay = min(2 * delay, MAX_DELAY_SECONDS)
        self._end()

    def _finished(self) -> bool:
        stopping = self._stop_by < math.inf
        return stopping and (not self._outbox or time.monotonic() >= self._stop_by)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := min(until, self._stop_by) - time.monotonic()) > 0 and not self._finished():
            self._inbox.wait(left)
            self._inbox.run()

    def _end(self) -> None:
        self._inbox.close()
        self._outbox.abandon()

    def _connect(self) -> bool:
        """Make one connection and serve it to its end; tell whether to try again at once."""
        self._connections += 1
        session = Session(
            connection=self._connections,
            client_id=self._durable_id or f"{self._name}-{secrets.token_hex(4)}",
            durable=self._durable_id is not None,
            will=self._will,
        )
        try:
            connection = Connection(
                self._address,
                self._choice.version,
                session,
                waker=self._inbox.waker,
                subscriptions=lambda: [(text, qos) for text, (_, qos) in self._filters.items()],
                on_message=self._receive,
                on_puback=self._acknowledged,
            )
        except (OSError, ValueError) as exc:
            self._choice.away()
            self._report("mqtt.down", str(exc))
            return False
        self._connection = connection
        try:
            reason = self._serve(connection)
        except Exception as exc:
            log.exception("mqtt.failed", extra={"link": self._name})
            reason = repr(exc)
        self._connection, self._up = None, False
        connection.close(reason)
        for publish in self._outbox.lost(by_broker=connection.by_broker):
            self._log_refusal(publish.topic, "the broker closes each connection that it is sent on")
        return self._conclude(connection)

    def _serve(self, connection: Connection) -> str:
        """Serve a connection until it ends, or return why to end it."""
        while connection.turn(_TICK_SECONDS) and not connection.refused:
            self._inbox.run()
            if self._finished():
                connection.disconnect()
                return "stopped"
            if connection.ready and not self._up:
                self._up, self._reason = True, ""
                log.info("mqtt.up", extra={"link": self._name, "protocol": int(connection.version)})
                self._call(self._on_up)
            if self._up:
                self._send(connection)
            sent = self._outbox.oldest()
            if sent is not None and time.monotonic() - sent > PUBACK_SECONDS:
                return "no PUBACK"
            if connection.overdue:
                return connection.overdue
        return ""

    def _conclude(self, connection: Connection) -> bool:
        """Learn from how a connection ended; tell whether to try again at once."""
        if connection.answered:
            self._choice.answered()
        elif self._choice.silent():
            return True
        event = "mqtt.down"
        if connection.refused:
            event = "mqtt.subscribe_refused"
        elif connection.answered and not connection.accepted:
            event = "mqtt.refused"
        self._report(event, connection.reason)
        return False

    def _report(self, event: str, reason: str) -> None:
        if reason != self._reason and self._stop_by == math.inf:
            self._reason = reason
            log.warning(event, extra={"link": self._name, "reason": reason})
            self._call(self._on_down, reason)

    def _call(self, handler: Callable[..., None] | None, *args: object) -> None:
        try:
            if handler:
                handler(*args)
        except Exception:
            log.exception("mqtt.handler_failed", extra={"link": self._name})

    def _send(self, connection: Connection) -> None:
        now = time.monotonic()
        while not connection.congested:
            publish = self._outbox.take(now, connection.window)
            if publish is None:
                return
            self._outbox.sent(publish, connection.publish(publish), now)

    def _add(self, publish: Publish) -> None:
        if publish.qos or self._up:
            self._outbox.add(publish)
        else:
            publish.fail()

    def _acknowledged(self, packet_id: int, code: ReasonCode) -> None:
        if not code.is_failure:
            self._outbox.acknowledged(packet_id)
            return
        for_good = code.value in _FOR_GOOD
        if publish := self._outbox.refused(packet_id, time.monotonic(), for_good=for_good):
            self._log_refusal(publish.topic, str(code))

    def _log_refusal(self, topic: str, reason: str) -> None:
        extra = {"link": self._name, "topic": topic, "reason": reason}
        log.error("mqtt.publish_refused", extra=extra)

    def _subscribe(self, filter_: Filter, qos: int) -> None:
        self._filters[str(filter_)] = filter_, qos
        self._is_wanted.cache_clear()
        if self._connection and self._connection.accepted:
            self._connection.subscribe([(str(filter_), qos)])

    def _unsubscribe(self, filter_: str) -> None:
        self._filters.pop(filter_, None)
        self._is_wanted.cache_clear()
        if self._connection and self._connection.accepted:
            self._connection.unsubscribe(filter_)

    def _ack(self, *messages: Message) -> None:
        for message in messages:
            if self._connection and message.connection == self._connections and message.qos:
                self._connection.acknowledge(message.mid)

    def _receive(self, message: Message) -> None:
        if self._is_wanted(message.topic):
            self._call(self._on_message, message)
        else:
            self._ack(message)

    def _matches(self, topic: str) -> bool:
        return any(filter_.matches(topic) for filter_, _ in self._filters.values())

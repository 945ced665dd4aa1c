"""The MQTT link: a connection that is made again whenever it is lost, in a thread of its own.

All state belongs to that thread. Other threads hand work over through the inbox. Publishes wait in
the outbox until the broker has them, on one connection or another. Each connection is a new
`Connection` with a new client id, unless the session is durable. A broker that has not noticed yet
that the old connection is lost would then hold two with one id, and may close both.

Each connection goes the same way: CONNECT, in the version that `VersionChoice` names; SUBSCRIBE to
all filters; then the link is up, and sends its outbox. Between two connections it pauses, at first
0.1 to 0.2 s, each time twice as long, up to 4 s. The pauses are random, so that the clients of a
broker that restarts do not come back all at once.
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
"""Longest first pause, and longest pause of all, before the link connects again. After a connection
that lasted longer than MAX_DELAY_SECONDS the pauses begin with the first again."""

_CRASH_SECONDS: Final = 1.0
"""Pause after what nobody thought of."""

PUBACK_SECONDS: Final = 10.0
"""Seconds that a PUBACK may take before the connection is made anew."""

_TICK_SECONDS: Final = 0.5
"""Longest wait for the network in one turn. Retries and time-outs may be late by this much."""

_RANDOM: Final = secrets.SystemRandom()
_FINAL_REFUSALS: Final = frozenset({0x87, 0x90, 0x99})
"""Reason codes of a PUBACK that no retry changes (MQTT 5 §3.4.2.1): not authorized, invalid topic
name, invalid payload format."""


class MqttLink:
    """One MQTT connection to `url`, made again whenever it is lost.

    Handlers run in the thread of the link and must not block; their exceptions are logged. `on_up`
    is called after the CONNACK and the SUBACK of every subscription. `on_down(reason)` is called
    when the link goes down or cannot come up, again whenever the reason changes, and not after
    `stop`.

    Every connection has a clean session and a client id of its own, unless `durable_id` names a
    durable session: then the broker keeps QoS 1 messages for 7 days, until `ack`. Messages on
    topics without a subscription are ignored; some brokers send them.
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
        self._client_id = self._address.owner + self._name
        self._filters = {text: (Filter.parse(text), qos) for text, qos in subscriptions}
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._durable_id = durable_id
        self._will = will
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._version_choice = VersionChoice()
        self._is_wanted = lru_cache(maxsize=2048)(self._matches)  # topics repeat
        self._connection: Connection | None = None
        self._connections = 0
        self._up = False
        self._reported_reason = ""
        self._stop_by = math.inf
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._name}", daemon=True)

    def start(self) -> None:
        """Connect, and stay connected until `stop`; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 3) -> None:
        """Wait up to `timeout` seconds until all publishes are acknowledged, then disconnect.

        Publishes that are left then fail with BrokerUnavailable.
        """
        self._inbox.post(partial(setattr, self, "_stop_by", time.monotonic() + timeout))
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join(timeout + 1)

    @property
    def up(self) -> bool:
        """True from `on_up` until the connection is lost."""
        return self._up

    @property
    def connection(self) -> int:
        """The number of the connection, as in `Message.connection`; 0 before the first."""
        return self._connections

    def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool = False
    ) -> Future[None]:
        """Publish from any thread, without waiting.

        A QoS 1 publish is kept and sent, again after every reconnect, until its PUBACK completes
        the future, in the order of the calls; one that the broker refuses for now is sent later,
        after others. A QoS 0 publish is sent now, or dropped while
        the link is down. The future fails with BrokerUnavailable when the publish was dropped, the
        broker refuses it for good, or the link is stopped. `cancel()` of the future takes the
        publish back; it returns False when that was sent. Raises InvalidTopic or InvalidActivity
        for a publish that no broker would take.
        """
        publish = Publish.checked(topic, payload, qos=qos, retain=retain)
        if (qos == 0 and not self._up) or not self._inbox.post(partial(self._add, publish)):
            publish.fail()
        return publish.future

    def subscribe(self, filter_: str, qos: int) -> None:
        """Add a subscription to this and every later connection; raise InvalidFilter."""
        parsed = Filter.parse(filter_)
        self._inbox.post(lambda: self._subscribe(parsed, qos))

    def unsubscribe(self, filter_: str) -> None:
        """Remove a subscription."""
        self._inbox.post(lambda: self._unsubscribe(filter_))

    def ack(self, *messages: Message) -> None:
        """Acknowledge QoS 1 messages of a durable session, from any thread.

        Does nothing once their connection is lost: the broker delivers them again.
        """
        self._inbox.post(lambda: self._ack(*messages))

    # The methods below run in the thread of the link.

    def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while not self._finished():
            began = time.monotonic()
            try:
                again = self._connect()
                if time.monotonic() - began > MAX_DELAY_SECONDS:
                    delay = FIRST_DELAY_SECONDS
                if not again:
                    self._pause(_RANDOM.uniform(delay / 2, delay))
                    delay = min(2 * delay, MAX_DELAY_SECONDS)
            except Exception as exc:  # the thread must not die while the process seems to be up
                self._connection, self._up = None, False
                log.exception("mqtt.failed", extra={"link": self._name})
                self._report("mqtt.down", repr(exc))
                time.sleep(_CRASH_SECONDS)
        self._close()

    def _finished(self) -> bool:
        stopping = self._stop_by < math.inf
        return stopping and (not self._outbox or time.monotonic() >= self._stop_by)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := min(until, self._stop_by) - time.monotonic()) > 0 and not self._finished():
            self._inbox.wait(left)
            self._inbox.run()

    def _close(self) -> None:
        self._inbox.close()
        self._outbox.abandon()

    def _connect(self) -> bool:
        """Make one connection and serve it to its end; tell whether to try again at once."""
        self._connections += 1
        session = Session(
            connection=self._connections,
            client_id=self._durable_id or f"{self._client_id}-{secrets.token_hex(4)}",
            durable=self._durable_id is not None,
            will=self._will,
        )
        try:
            connection = Connection(
                self._address,
                self._version_choice.version,
                session,
                waker=self._inbox.waker,
                subscriptions=lambda: [(text, qos) for text, (_, qos) in self._filters.items()],
                on_message=self._receive,
                on_puback=self._acknowledged,
            )
        except (OSError, ValueError) as exc:
            self._version_choice.away()
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
        """Serve a connection until it ends; return the reason to end it, "" if it has ended."""
        while connection.turn(_TICK_SECONDS) and not connection.refused:
            self._inbox.run()
            if self._finished():
                connection.disconnect()
                return "stopped"
            if connection.ready and not self._up:
                self._up, self._reported_reason = True, ""
                log.info("mqtt.up", extra={"link": self._name, "protocol": int(connection.version)})
                self._call_handler(self._on_up)
            if self._up:
                self._send(connection)
            sent = self._outbox.oldest()
            if sent is not None and time.monotonic() - sent > PUBACK_SECONDS:
                return "no PUBACK"
            if connection.overdue:
                return connection.overdue
        return ""

    def _conclude(self, connection: Connection) -> bool:
        """Note how a connection ended; tell whether to try again at once."""
        if connection.answered:
            self._version_choice.answered()
        elif self._version_choice.silent():
            return True
        event = "mqtt.down"
        if connection.refused:
            event = "mqtt.subscribe_refused"
        elif connection.answered and not connection.accepted:
            event = "mqtt.refused"
        self._report(event, connection.reason)
        return False

    def _report(self, event: str, reason: str) -> None:
        if reason != self._reported_reason and self._stop_by == math.inf:
            self._reported_reason = reason
            log.warning(event, extra={"link": self._name, "reason": reason})
            self._call_handler(self._on_down, reason)

    def _call_handler(self, handler: Callable[..., None] | None, *args: object) -> None:
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
        for_good = code.value in _FINAL_REFUSALS
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
                self._connection.acknowledge(message.packet_id)

    def _receive(self, message: Message) -> None:
        if self._is_wanted(message.topic):
            self._call_handler(self._on_message, message)
        else:
            self._ack(message)

    def _matches(self, topic: str) -> bool:
        return any(filter_.matches(topic) for filter_, _ in self._filters.values())

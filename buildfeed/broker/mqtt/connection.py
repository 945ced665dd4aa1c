"""One MQTT connection, from CONNECT to its end: a paho client driven by the thread of its link.

paho's own loops are not used. They send from any thread that publishes, and `select` takes no
socket whose number is above 1023, so in a process with many sockets they fail for ever. paho's
interface for other loops (`loop_read`, `loop_write`, `loop_misc`) has neither problem.
"""

import os
import select
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from buildfeed.broker.mqtt.client import BufferedClient
from buildfeed.broker.mqtt.outbox import WINDOW, Publish
from buildfeed.broker.mqtt.reading_pace import ReadingPace
from buildfeed.broker.mqtt.session import Address, Message, Session
from buildfeed.broker.mqtt.version import V5

CONNECT_SECONDS: Final = 3.0
"""Seconds that the TCP connection may take."""

ANSWER_SECONDS: Final = 5.0
"""Seconds that a CONNACK or SUBACK may take; RabbitMQ 4.0 takes 3 s to refuse a password."""

LEAVE_SECONDS: Final = 0.5
"""Longest wait in seconds for a broker to close the connection after a DISCONNECT."""

_LEAVE_BYTES: Final = 64 * 1024
"""Bytes that are received at once, and thrown away, after a DISCONNECT."""

KEEP_ALIVE_SECONDS: Final = 5
"""Seconds without a packet after which a PINGREQ is sent. Without an answer in another 5 s the
connection ends."""

SESSION_SECONDS: Final = 7 * 24 * 3600
"""Seconds for which the broker keeps a durable session of a client that is away."""

_PACKETS_A_TURN: Final = 50
"""Reads of buffered packets in one `turn`; after them the link sends, and does its other work."""

_CONNECT_ID: Final = 0
"""Stands for the CONNECT among packet ids, which begin at 1 (MQTT 3.1.1 §2.3.1)."""

# Reason codes (MQTT 5 §2.4). paho uses them for its own findings, too.
_UNSPECIFIED_ERROR: Final = 0x80
_UNSUPPORTED_VERSION: Final = 0x84
_KEEP_ALIVE_TIMEOUT: Final = 0x8D


class Connection:
    """One connection; its constructor connects, and raises OSError if nobody listens or TLS fails.

    The thread of its link calls `turn` again and again; everything happens there. `answered`: the
    broker knows this version of MQTT. `accepted`: it accepted the CONNECT. `refused`: the filters
    it refused. `window`: publishes that it allows to be unacknowledged. `reason`: why the
    connection ended. `by_broker`: whether the broker ended it.
    """

    def __init__(
        self,
        address: Address,
        version: MQTTProtocolVersion,
        session: Session,
        *,
        waker: socket.socket,
        subscriptions: Callable[[], Iterable[tuple[str, int]]],
        on_message: Callable[[Message], None],
        on_puback: Callable[[int, ReasonCode], None],
    ) -> None:
        self.version = version
        self.answered = False
        self.accepted = False
        self.refused: list[str] = []
        self.window = WINDOW
        self.reason = ""
        self.by_broker = False
        self._address = address
        self._session = session
        self._subscriptions = subscriptions
        self._unanswered: dict[int, tuple[float, list[str]]] = {}
        self._watched_events = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(waker, selectors.EVENT_READ)
        self._pace = ReadingPace()
        self._resting = select.poll()
        self._resting.register(waker, select.POLLIN)
        self._on_message = on_message
        self._client = self._make_client()
        self._client.on_publish = lambda _client, _data, packet_id, code, _properties: on_puback(
            packet_id, code
        )
        self._open()

    def _make_client(self) -> BufferedClient:
        session, address = self._session, self._address
        client = BufferedClient(self.version, session, self._on_message)
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(0)  # no limit: the outbox has one
        client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set_context(ssl.create_default_context())
        if session.will:
            client.will_set(
                session.will.topic, session.will.payload, qos=1, retain=session.will.retain
            )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_received
        client.on_disconnect = self._on_disconnect
        return client

    def _open(self) -> None:
        durable = self._session.durable
        address = self._address
        self._unanswered[_CONNECT_ID] = time.monotonic(), []
        if self.version is V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
            properties.SessionExpiryInterval = SESSION_SECONDS if durable else 0
            self._client.connect(
                address.host,
                address.port,
                KEEP_ALIVE_SECONDS,
                clean_start=not durable,
                properties=properties,
            )
        else:
            self._client.connect(address.host, address.port, KEEP_ALIVE_SECONDS)
        sock = self._socket()
        if sock is None:
            raise ConnectionError("the connection ended at once")
        # Else a small publish waits for the TCP acknowledgement of the one before (Nagle).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def ready(self) -> bool:
        """True once the broker has accepted the CONNECT and every SUBSCRIBE."""
        return self.accepted and not self._unanswered and not self.refused

    @property
    def overdue(self) -> str | None:
        """The answer that is missing for more than `ANSWER_SECONDS`; None if none is."""
        if self._unanswered:
            asked = next(iter(self._unanswered.values()))[0]
            if time.monotonic() - asked > ANSWER_SECONDS:
                return "no SUBACK" if self.accepted else "no CONNACK"
        return None

    def turn(self, seconds: float) -> bool:
        """Wait up to `seconds` for the network or the waker, then read, write and ping as due.

        Returns False once the connection has ended.
        """
        sock = self._socket()
        if sock is None:
            return False
        self._client.send_pubacks()
        self._watch(sock)
        if self._is_woken_at_rest():
            return True
        unread = self._client.unread or (isinstance(sock, ssl.SSLSocket) and sock.pending())
        ready = {key.fd: events for key, events in self._selector.select(0 if unread else seconds)}
        events = ready.get(sock.fileno(), 0)
        if unread or events & selectors.EVENT_READ:
            self._read()
            self._client.send_pubacks()
        if events & selectors.EVENT_WRITE:
            self._client.loop_write()
        self._client.loop_misc()
        return self._socket() is not None

    def _read(self) -> None:
        """Read the packets that have arrived, up to `_PACKETS_A_TURN` times."""
        before = self._client.plain_messages
        for _ in range(_PACKETS_A_TURN):
            self._client.loop_read()
            if not self._client.unread or self._socket() is None:
                break
        if self._client.plain_messages > before:
            self._pace.has_read(time.monotonic())

    def _is_woken_at_rest(self) -> bool:
        """Wait until it is time to read again; tell whether there is other work before."""
        rest = self._pace.rest(time.monotonic())
        if rest <= 0 or self._client.unread or self._client.want_write():
            return False
        return bool(self._resting.poll(1000 * rest))

    def _watch(self, sock: socket.socket) -> None:
        events = selectors.EVENT_READ
        if self._client.want_write():
            events |= selectors.EVENT_WRITE
        if not self._watched_events:
            self._selector.register(sock, events)
        elif events != self._watched_events:
            self._selector.modify(sock, events)
        self._watched_events = events

    def _socket(self) -> socket.socket | None:
        sock = self._client.socket()
        return sock if isinstance(sock, socket.socket) else None

    def publish(self, publish: Publish) -> int:
        """Send a publish; return its packet id."""
        return self._client.publish(publish.topic, publish.payload, publish.qos, publish.retain).mid

    @property
    def congested(self) -> bool:
        """True while earlier packets wait for the network to take them."""
        return self._client.want_write()

    def subscribe(self, subscriptions: Iterable[tuple[str, int]]) -> None:
        """Send a SUBSCRIBE; `ready` is False until its SUBACK."""
        wanted = list(subscriptions)
        if wanted:
            _, packet_id = self._client.subscribe(wanted)
            if packet_id is not None:
                filters = [filter_ for filter_, _ in wanted]
                self._unanswered[packet_id] = time.monotonic(), filters

    def unsubscribe(self, filter_: str) -> None:
        """Send an UNSUBSCRIBE."""
        self._client.unsubscribe(filter_)

    def acknowledge(self, packet_id: int) -> None:
        """Send the PUBACK of a message of a durable session."""
        self._client.ack(packet_id, 1)

    def disconnect(self) -> None:
        """Send DISCONNECT if the network takes it, so that the will is not published.

        Then wait until the broker has closed the connection, at most `LEAVE_SECONDS`: a socket that
        is closed while it has unread data resets the connection, and the DISCONNECT may be lost.
        """
        sock = self._socket()
        # paho closes its socket as soon as it has sent the DISCONNECT.
        left = socket.socket(fileno=os.dup(sock.fileno())) if sock else None
        self._client.send_pubacks()
        self._client.disconnect()
        self.turn(0)
        if left:
            with left, suppress(OSError):
                left.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + LEAVE_SECONDS
                while (seconds := deadline - time.monotonic()) > 0:
                    left.settimeout(seconds)
                    if not left.recv(_LEAVE_BYTES):
                        break

    def close(self, reason: str) -> None:
        """Close the socket; `reason` counts unless the connection has ended for another."""
        if self.refused:
            self.reason = f"subscription refused: {', '.join(self.refused)}"
        self.reason = self.reason or reason
        if sock := self._socket():
            sock.close()
        self._selector.close()

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.answered = code.value != _UNSUPPORTED_VERSION
        if code.is_failure:
            self.reason = str(code)
            return
        self.accepted = True
        self.window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        del self._unanswered[_CONNECT_ID]
        self.subscribe(self._subscriptions())

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        packet_id: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        _, filters = self._unanswered.pop(packet_id, (0, []))
        for filter_, code in zip(filters, codes, strict=False):
            if code.is_failure:
                self.refused.append(filter_)

    def _on_received(self, _client: Client, _data: object, received: MQTTMessage) -> None:
        try:
            topic = received.topic
        except UnicodeDecodeError:  # the routing key of an AMQP publisher may be any bytes
            self.acknowledge(received.mid)
            return
        self._on_message(
            Message(
                topic,
                bytes(received.payload),
                received.qos,
                received.retain,
                received.mid,
                self._session.connection,
            )
        )

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.by_broker = code.value != _KEEP_ALIVE_TIMEOUT
        if not self.reason:
            said_why = flags.is_disconnect_packet_from_server or code.value != _UNSPECIFIED_ERROR
            self.reason = str(code) if said_why else "the broker closed the connection"
            if self.accepted and self._unanswered:  # as RabbitMQ 3.10 refuses a filter
                self.reason += " before the SUBACK"

"""All connections of a process: which are open, due for a ping, or slow, and what they send.

The server owns what concerns many connections at once: timers for pings, pongs and connects, the
set of slow ones, and what a Socket.IO packet means. What an event means is the application's.
"""

import asyncio
import logging
import secrets
from typing import Any, Final, Protocol

import msgspec

from gateway.engine import frames, packets
from gateway.engine.connection import Connection
from gateway.engine.packets import CONNECT, DISCONNECT, EVENT, ROOT, BadPacket, Packet
from gateway.engine.timers import Timers

log = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
_SID_BYTES: Final = 15


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a connection: in seconds, and `max_bytes` of one message of a client.

    A pong is due before the next ping: `ping_timeout` is less than `ping_interval`.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 10.0
    stuck: float = 30.0
    max_bytes: int = 64 * 1024


class Application(Protocol):
    """The application behind the connections."""

    def connect(self, connection: Connection, auth: object) -> tuple[str, object] | None:
        """Take a client; return the (message, data) of a refusal to send it away."""

    def event(
        self, connection: Connection, name: str, arguments: list[Any], ack: int | None
    ) -> None:
        """Take an event; when it has an `ack` id, answer it."""

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Take note that a client is gone."""

    def drain(self, connection: Connection) -> None:
        """Send from the backlog: the connection is not slow any more."""


class Server:
    """The connections of this process, for `application`. Everything belongs to the event loop."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self.max_bytes = limits.max_bytes
        self.stuck = 0
        """Connections closed because they took nothing for `stuck` seconds."""
        self._application = application
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._connections: set[Connection] = set()
        self._slow: set[Connection] = set()
        self._pings = Timers(limits.ping_interval, self._ping)
        self._pongs = Timers(limits.ping_timeout, self._look_for_pong)
        self._connects = Timers(limits.connect_timeout, self._look_for_connect)
        self._lingering: Timers[Connection] = Timers(_LINGER_SECONDS, Connection.abort)

    def open(self, transport: asyncio.Transport, answer: bytes) -> Connection:
        """Return the connection of a client; `answer` is that of the WebSocket handshake."""
        connection = Connection(self, transport, secrets.token_urlsafe(_SID_BYTES))
        self._connections.add(connection)
        opened = packets.opened(
            connection.sid,
            interval_ms=round(self._limits.ping_interval * 1000),
            timeout_ms=round(self._limits.ping_timeout * 1000),
            max_bytes=self.max_bytes,
        )
        connection.write(answer + frames.frame(frames.TEXT, opened))
        self._connects.add(connection)
        self._pings.add(connection)
        return connection

    def lost(self, connection: Connection) -> None:
        """Take note that a connection is gone."""
        self._end(connection, "transport close")
        self._connections.discard(connection)
        self._slow.discard(connection)

    def closing(self, connection: Connection, reason: str) -> None:
        """Take note that a connection is closing: it has a moment to say so, and hears nothing."""
        self._end(connection, reason or "transport close")
        self._lingering.add(connection)

    def message(self, connection: Connection, text: str) -> None:
        """Take a message, a Socket.IO packet; raise BadPacket for one that is out of place."""
        packet = packets.decode(text)
        if packet.kind == CONNECT and packet.namespace != ROOT:
            connection.text(packets.refused(packet.namespace, "Invalid namespace"))
        elif packet.kind == CONNECT and not connection.connected:
            self._connect(connection, packet)
        elif packet.namespace != ROOT or not connection.connected or packet.kind == CONNECT:
            raise BadPacket("it is not connected, or is already")
        elif packet.kind == EVENT:
            self._application.event(connection, packet.event, packet.data, packet.id)
        elif packet.kind == DISCONNECT:
            self._end(connection, "client namespace disconnect")

    def _connect(self, connection: Connection, packet: Packet) -> None:
        connection.sid = secrets.token_urlsafe(
            _SID_BYTES
        )  # whatever is under way for the last one is void
        connection.connected = True
        if refusal := self._application.connect(connection, packet.data):
            connection.connected = False
            connection.text(packets.refused(ROOT, *refusal))
        else:
            connection.text(packets.connected(connection.sid))
        connection.settle()

    def _end(self, connection: Connection, reason: str) -> None:
        if connection.connected:
            connection.connected = False
            connection.settle()
            self._application.disconnect(connection, reason)

    def slowed(self, connection: Connection) -> None:
        """Take note that the kernel takes no more bytes for a connection."""
        connection.moved = connection.waiting, self.now()
        self._slow.add(connection)

    def drained(self, connection: Connection) -> None:
        """Take note that the kernel has taken every byte of a connection."""
        self._slow.discard(connection)
        if connection.connected and connection.holds:
            self._application.drain(connection)

    async def run(self) -> None:
        """Close stuck connections, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = self.now()
            for connection in list(self._slow):
                waiting, since = connection.moved
                if connection.waiting < waiting:  # it may have grown by a ping
                    connection.moved = connection.waiting, now
                elif now - since >= self._limits.stuck:
                    log.warning("watcher.stuck", extra={"sid": connection.sid})
                    self.stuck += 1
                    self._slow.discard(connection)
                    self._end(connection, "stuck")
                    connection.close(frames.TRY_LATER, "It takes nothing any more: connect again.")

    def _ping(self, connection: Connection) -> None:
        if connection in self._connections:
            connection.answered = False
            connection.text(packets.PING)
            self._pings.add(connection)
            self._pongs.add(connection)

    def _look_for_pong(self, connection: Connection) -> None:
        if connection in self._connections and not connection.answered:
            self._end(connection, "ping timeout")
            connection.abort()

    def _look_for_connect(self, connection: Connection) -> None:
        if connection in self._connections and not connection.connected:
            connection.close(frames.POLICY, "connect timeout")

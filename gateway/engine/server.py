"""All connections of a process: which are open, due for a ping, or slow.

The server has all that concerns many connections at once: the timers of pings, pongs and connects,
and the set of slow connections. The meaning of a message is its handler's: see `socket_io`.
"""

import asyncio
import logging
from typing import Final, Protocol

import msgspec

from gateway.engine import frames, packets
from gateway.engine.connection import Connection
from gateway.engine.timers import Timers

log = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
"""Seconds in which the last frames of a closing connection may leave; then it is aborted."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a connection: in seconds, and `max_bytes` of one message of a client.

    A pong is due before the next ping: `ping_timeout` is less than `ping_interval`.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 10.0
    stuck: float = 30.0
    max_bytes: int = 64 * 1024


class Handler(Protocol):
    """The protocol in the messages of Engine.IO, as the server uses it."""

    def message(self, connection: Connection, text: str) -> None:
        """Take a message of a client; raises BadPacket for one that is out of place."""

    def end(self, connection: Connection, reason: str) -> None:
        """Take note that a connection has no messages from now on; may be repeated."""

    def drain(self, connection: Connection) -> None:
        """Send the messages that are held for a connection, which has ceased to be slow."""


class Server:
    """The connections of this process; `handler` takes their messages.

    Everything belongs to the event loop.
    """

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.max_bytes = limits.max_bytes
        self.stuck = 0
        """Connections closed because they took nothing for `stuck` seconds."""
        self.message = handler.message  # of a connection: see Owner
        self._handler = handler
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
        connection = Connection(self, transport)
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
        self._handler.end(connection, "transport close")
        self._connections.discard(connection)
        self._slow.discard(connection)

    def closing(self, connection: Connection, reason: str) -> None:
        """Take note of a close frame; if it does not leave, the connection is aborted."""
        self._handler.end(connection, reason or "transport close")
        self._lingering.add(connection)

    def slowed(self, connection: Connection) -> None:
        """Take note that the kernel buffer of a connection is full."""
        connection.moved = connection.waiting, self.now()
        self._slow.add(connection)

    def drained(self, connection: Connection) -> None:
        """Take note that the kernel has taken every byte of a connection."""
        self._slow.discard(connection)
        if connection.connected and connection.holds:
            self._handler.drain(connection)

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
                    self._handler.end(connection, "stuck")
                    connection.close(frames.TRY_LATER, "It takes nothing any more: connect again.")

    def _ping(self, connection: Connection) -> None:
        if connection in self._connections:
            connection.answered = False
            connection.text(packets.PING)
            self._pings.add(connection)
            self._pongs.add(connection)

    def _look_for_pong(self, connection: Connection) -> None:
        if connection in self._connections and not connection.answered:
            self._handler.end(connection, "ping timeout")
            connection.abort()

    def _look_for_connect(self, connection: Connection) -> None:
        if connection in self._connections and not connection.connected:
            connection.close(frames.POLICY, "connect timeout")

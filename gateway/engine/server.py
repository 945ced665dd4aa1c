"""All connections of a process: which are open, due for a ping, or slow.

The server has all that concerns many connections at once: the timers of pings, pongs and connects,
and the set of slow connections. The meaning of a message is its handler's: see `socket_io`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from gateway.engine import frames, packets
from gateway.engine.connection import Connection, new_sid
from gateway.engine.frames import Frames
from gateway.engine.limits import Limits
from gateway.engine.timers import Timers
from gateway.engine.upgrade import Upgrade
from gateway.log_limit import LogLimit

log = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
"""Seconds in which the last frames of a closing connection may leave; then it is aborted."""
_LOGGED_A_MINUTE: Final = 20


class Handler(Protocol):
    """The protocol in the messages of Engine.IO, as the server uses it."""

    def message(self, connection: Connection, message: str | bytes) -> None:
        """Take a message of a client; raises BadPacket for one that is out of place."""

    def end(self, connection: Connection, reason: str) -> None:
        """Take note that a connection has no messages from now on; may be repeated."""

    def drain(self, connection: Connection) -> None:
        """Send what is held for a connection: it takes bytes again."""


class Admission(Protocol):
    """The limit of sessions that poll, as the server uses it."""

    def enter(self, session: Hashable, client: str) -> None:
        """Count a session of a client's address; raises an error of its own to refuse it."""

    def leave(self, session: Hashable) -> None:
        """Count a session no more."""


class Server:
    """The connections of this process; `handler` takes their messages.

    Everything belongs to the event loop.
    """

    def __init__(
        self, handler: Handler, limits: Limits, new_session: Callable[[], str] = new_sid
    ) -> None:
        self._new_session = new_session
        self.admission: Admission | None = None
        """Who may begin to poll; None: everybody."""
        self.limits = limits
        self.max_bytes = limits.max_bytes
        self.stuck = 0
        """Connections closed because they took nothing for `stuck` seconds."""
        self.limited = Counter({"messages-per-second": 0, "unfetched-kib": 0})
        """Connections closed because they said too much, by the limit."""
        self.message = handler.message  # of a connection: see Owner
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self._logged_stuck = LogLimit(_LOGGED_A_MINUTE)
        self._connections: set[Connection] = set()
        self._polling: dict[str, Connection] = {}
        """Connections that poll, by the session ids of Engine.IO."""
        self._slow: set[Connection] = set()
        self._left: set[str] = set()
        self._pings = Timers(limits.ping_interval, self._ping)
        self._pongs = Timers(limits.ping_timeout, self._look_for_pong)
        self._connects = Timers(limits.connect_timeout, self._look_for_connect)
        self._upgrades = Timers(limits.connect_timeout, Upgrade.late)
        self._leaving: Timers[str] = Timers(_LINGER_SECONDS, self._left.discard)
        self._lingering: Timers[Connection] = Timers(_LINGER_SECONDS, Connection.abort)

    def open(
        self,
        transport: asyncio.Transport,
        answer: bytes,
        client: str = "",
        shown: object = None,
    ) -> Connection:
        """Return the connection of a client that begins as a WebSocket.

        `answer` is that of the WebSocket handshake, `client` the address, and `shown` what the
        client has shown.
        """
        connection = self._begin("", client, shown)
        opened = frames.frame(frames.TEXT, self._opened(new_sid(), []))
        connection.attach(transport, Frames(self.max_bytes), answer + opened)
        return connection

    def open_polling(self, client: str = "", shown: object = None) -> bytes:
        """Open a session of a client that polls; return the answer to its request.

        `client` is its address, and `shown` what it has shown. Raises what the admission
        raises.
        """
        sid = self._new_session()
        if self.admission:
            self.admission.enter(sid, client)
        self._polling[sid] = self._begin(sid, client, shown)
        return self._opened(sid, ["websocket"])

    def polling(self, sid: str) -> Connection | None:
        """Return the connection of a session that polls, if there is one."""
        return self._polling.get(sid)

    def upgrade(self, sid: str, transport: asyncio.Transport) -> Upgrade | None:
        """Return the upgrade of a session that polls, by a WebSocket after its handshake."""
        connection = self._polling.get(sid)
        if connection is None:
            return None
        upgrade = Upgrade(connection, transport, self.max_bytes)
        self._upgrades.add(upgrade)
        return upgrade

    def _begin(self, session: str, client: str, shown: object) -> Connection:
        connection = Connection(self, session, client, shown)
        self._connections.add(connection)
        self._connects.add(connection)
        self._pings.add(connection)
        return connection

    def _opened(self, sid: str, upgrades: list[str]) -> bytes:
        return packets.opened(
            sid,
            upgrades,
            interval_ms=round(self.limits.ping_interval * 1000),
            timeout_ms=round(self.limits.ping_timeout * 1000),
            max_bytes=self.max_bytes,
        )

    def leaving(self, connection: Connection) -> None:
        """Take note that a client that polls has said goodbye; a poll may still be on its way."""
        if connection.polling and not connection.polling.waits:
            self._left.add(connection.session)
            self._leaving.add(connection.session)

    def has_left(self, sid: str) -> bool:
        """Tell whether a poll belongs to a client that has just said goodbye: once true."""
        left = sid in self._left
        self._left.discard(sid)
        return left

    def attached(self, connection: Connection) -> None:
        """Take note that a connection is a WebSocket from now on."""
        if self._polling.pop(connection.session, None) and self.admission:
            self.admission.leave(connection.session)

    def lost(self, connection: Connection) -> None:
        """Take note that a connection is gone."""
        self._handler.end(connection, "transport close")
        self._connections.discard(connection)
        self._slow.discard(connection)
        self.attached(connection)
        connection.forget()

    def closing(self, connection: Connection, reason: str) -> None:
        """Take note of a close frame; if it does not leave, the connection is aborted."""
        self._handler.end(connection, reason or "transport close")
        self._lingering.add(connection)

    def exceeded(self, limit: str) -> None:
        """Count a client that says too much."""
        self.limited[limit] += 1

    def broke(self, connection: Connection, reason: str) -> None:
        """Take note that a client does not keep to the protocol."""
        left_out = self._logged.take(reason, self.now())
        if left_out is not None:
            facts = {"client": connection.client, "sid": connection.sid, "reason": reason}
            log.warning("socket.bad_packet", extra={**facts, "left_out": left_out})

    def slowed(self, connection: Connection) -> None:
        """Take note that the kernel buffer of a connection is full."""
        connection.moved = connection.waiting, self.now()
        self._slow.add(connection)

    def drained(self, connection: Connection) -> None:
        """Take note that a connection takes more: a poll waits, or the kernel has every byte."""
        self._slow.discard(connection)
        if connection.connected:
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
                elif now - since >= self.limits.stuck:
                    self._log_stuck(connection, now)
                    self.stuck += 1
                    self._slow.discard(connection)
                    self._handler.end(connection, "stuck")
                    connection.close(frames.TRY_LATER, "It takes nothing any more: connect again.")

    def _log_stuck(self, connection: Connection, now: float) -> None:
        left_out = self._logged_stuck.take(connection.client, now)
        if left_out is not None:
            facts = {"client": connection.client, "sid": connection.sid, "left_out": left_out}
            log.warning("watcher.stuck", extra=facts)

    def _ping(self, connection: Connection) -> None:
        if connection in self._connections:
            connection.answered = False
            connection.text(packets.PING)
            self._pings.add(connection)
            self._pongs.add(connection)

    def _look_for_pong(self, connection: Connection) -> None:
        if connection not in self._connections or connection.answered:
            return
        if connection.slow and not connection.polling:  # its pong is not read: see `run`
            self._pongs.add(connection)
            return
        self._handler.end(connection, "ping timeout")
        connection.abort()

    def _look_for_connect(self, connection: Connection) -> None:
        if connection in self._connections and not connection.connected:
            connection.close(frames.POLICY, "connect timeout")

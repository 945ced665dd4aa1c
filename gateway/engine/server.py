"""All lines of a process: who is there, who must be pinged, who is slow, and what they say."""

import asyncio
import logging
import secrets
from typing import Any, Final, Protocol

import msgspec

from gateway.engine import frames, packets
from gateway.engine.connection import Line
from gateway.engine.packets import CONNECT, DISCONNECT, EVENT, ROOT, BadPacket, Packet
from gateway.engine.timers import Clock

log = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
_SID_BYTES: Final = 15


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of a line: seconds, but `max_bytes` of one message of a client.

    A pong is due before the next ping: `ping_timeout` is less than `ping_interval`.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 10.0
    stuck: float = 30.0
    max_bytes: int = 64 * 1024


class Application(Protocol):
    """What the lines serve."""

    def connect(self, line: Line, auth: object) -> tuple[str, object] | None:
        """Take a client; return (message, data) of a refusal to send it away."""

    def event(self, line: Line, name: str, arguments: list[Any], ack: int | None) -> None:
        """Take an event; when it has an `ack` id, answer it."""

    def disconnect(self, line: Line, reason: str) -> None:
        """Take note that a client is gone."""

    def drain(self, line: Line) -> None:
        """Send what waits in the backlog: the line is slow no more."""


class Exchange:
    """The lines of this process, for `application`. Everything belongs to the event loop."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self.max_bytes = limits.max_bytes
        self.stuck = 0
        """Lines that were given up because they took nothing any more."""
        self._application = application
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._lines: set[Line] = set()
        self._slow: set[Line] = set()
        self._pings = Clock(limits.ping_interval, self._ping)
        self._pongs = Clock(limits.ping_timeout, self._look_for_pong)
        self._connects = Clock(limits.connect_timeout, self._look_for_connect)
        self._lingering: Clock[Line] = Clock(_LINGER_SECONDS, Line.abort)

    def open(self, transport: asyncio.Transport, answer: bytes) -> Line:
        """Return the line of a client that shakes hands; `answer` is that of the handshake."""
        line = Line(self, transport, secrets.token_urlsafe(_SID_BYTES))
        self._lines.add(line)
        opened = packets.opened(
            line.sid,
            interval_ms=round(self._limits.ping_interval * 1000),
            timeout_ms=round(self._limits.ping_timeout * 1000),
            max_bytes=self.max_bytes,
        )
        line.write(answer + frames.frame(frames.TEXT, opened))
        self._connects.add(line)
        self._pings.add(line)
        return line

    def lost(self, line: Line) -> None:
        """Take note that the connection is gone."""
        self._end(line, "transport close")
        self._lines.discard(line)
        self._slow.discard(line)

    def closing(self, line: Line, reason: str) -> None:
        """Take note that a line says good-bye; it has a moment for that, and hears no more."""
        self._end(line, reason or "transport close")
        self._lingering.add(line)

    def message(self, line: Line, text: str) -> None:
        """Take a message, a Socket.IO packet; raise BadPacket for one that is out of place."""
        packet = packets.decode(text)
        if packet.kind == CONNECT and packet.namespace != ROOT:
            line.text(packets.refused(packet.namespace, "Invalid namespace"))
        elif packet.kind == CONNECT and not line.connected:
            self._connect(line, packet)
        elif packet.namespace != ROOT or not line.connected or packet.kind == CONNECT:
            raise BadPacket("it is not connected, or is already")
        elif packet.kind == EVENT:
            self._application.event(line, packet.event, packet.data, packet.id)
        elif packet.kind == DISCONNECT:
            self._end(line, "client namespace disconnect")

    def _connect(self, line: Line, packet: Packet) -> None:
        line.sid = secrets.token_urlsafe(_SID_BYTES)  # what was asked under the last one is void
        line.connected = True
        if refusal := self._application.connect(line, packet.data):
            line.connected = False
            line.text(packets.refused(ROOT, *refusal))
        else:
            line.text(packets.connected(line.sid))
        line.settle()

    def _end(self, line: Line, reason: str) -> None:
        if line.connected:
            line.connected = False
            line.settle()
            self._application.disconnect(line, reason)

    def slowed(self, line: Line) -> None:
        """Take note that the system takes no more for a line."""
        line.moved = line.waiting, self.now()
        self._slow.add(line)

    def drained(self, line: Line) -> None:
        """Take note that it has taken everything."""
        self._slow.discard(line)
        if line.connected and line.holds:
            self._application.drain(line)

    async def run(self) -> None:
        """Give up who takes nothing any more, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = self.now()
            for line in list(self._slow):
                waiting, since = line.moved
                if line.waiting < waiting:  # it may have grown by a ping
                    line.moved = line.waiting, now
                elif now - since >= self._limits.stuck:
                    log.warning("watcher.stuck", extra={"sid": line.sid})
                    self.stuck += 1
                    self._slow.discard(line)
                    self._end(line, "stuck")
                    line.close(frames.TRY_LATER, "It takes nothing any more: connect again.")

    def _ping(self, line: Line) -> None:
        if line in self._lines:
            line.answered = False
            line.text(packets.PING)
            self._pings.add(line)
            self._pongs.add(line)

    def _look_for_pong(self, line: Line) -> None:
        if line in self._lines and not line.answered:
            self._end(line, "ping timeout")
            line.abort()

    def _look_for_connect(self, line: Line) -> None:
        if line in self._lines and not line.connected:
            line.close(frames.POLICY, "connect timeout")

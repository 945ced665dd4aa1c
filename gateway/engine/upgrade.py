"""The upgrade of a polling connection to a WebSocket (Engine.IO 4, "Upgrade").

The client opens a WebSocket beside its polls and sends a probe; the probe is answered there, and
the poll that waits is let go. When no poll of the client is under way it says that it has upgraded.
Until then the connection polls; a WebSocket that breaks off before changes nothing.
"""

import asyncio

from gateway.engine import frames, packets
from gateway.engine.connection import Connection
from gateway.engine.frames import BrokenFrames, Frames
from gateway.engine.limits import LimitReached


class Upgrade:
    """A WebSocket on which `connection`, which polls, is about to go on."""

    def __init__(
        self, connection: Connection, transport: asyncio.Transport, max_bytes: int
    ) -> None:
        self.connection = connection
        self._transport = transport
        self._frames = Frames(max_bytes)
        self._probed = False
        self.done = False
        """True when the connection speaks by this WebSocket."""

    def received(self, data: bytes) -> None:
        """Take bytes of the client; close the WebSocket when they are no upgrade."""
        try:
            for opcode, payload in self._frames.feed(data):
                if self.done and not self.connection.closing:
                    self.connection.frame(opcode, payload)
                elif not self.done:
                    self._take(opcode, payload)
        except LimitReached as exc:
            self.connection.exceed(exc)
        except (BrokenFrames, packets.BadPacket, UnicodeDecodeError):
            self._refuse()

    def _take(self, opcode: int, payload: bytes) -> None:
        polling = self.connection.polling
        if polling is None or self.connection.closing or opcode != frames.TEXT:
            raise packets.BadPacket("no upgrade")
        packet = payload.decode()
        if packet == packets.PROBE and not polling.probed:
            self._transport.write(frames.frame(frames.TEXT, packets.PROBED))
            self._probed = True
            polling.probe()
        elif packet == packets.UPGRADE and self._probed:
            self.done = True
            self.connection.attach(self._transport, self._frames)
        else:
            raise packets.BadPacket("no upgrade")

    def _refuse(self) -> None:
        if self.done:
            self.connection.refuse(frames.POLICY, "parse error")
        else:
            self._transport.write(frames.close_frame(frames.POLICY, "no upgrade"))
            self._transport.close()

    def late(self) -> None:
        """End a WebSocket on which no upgrade has come in time."""
        if not self.done:
            self._transport.abort()

    def lost(self) -> None:
        """Take note that the WebSocket is gone."""
        if not self.done:
            self._frames.forget()
            if self._probed and self.connection.polling:
                self.connection.polling.probed = False

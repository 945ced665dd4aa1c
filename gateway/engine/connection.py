"""One client's connection: WebSocket, Engine.IO and Socket.IO in one small object.

There may be thousands of connections, and most of the time of a gateway is spent on writing the
same bytes to each. So a connection is one object with slots, without a task or a queue of its own:
the protocol of the socket calls `received`, `paused` and `resumed`, one timer serves all pings, and
an event is written straight to the socket while the connection is `ready`.

A write depends on four facts: the connection is connected, not slow, not closing, and holds nothing
that must leave first. `ready` joins them, so that a delivery looks at one attribute. Each change of
one of these facts has to call `settle`.

Relied on: a selector transport's socket takes `os.write` on its descriptor when the transport's own
buffer is empty; with a high-water mark of 0 the transport calls `paused` as soon as it is not.
"""

import asyncio
import secrets
import socket
from typing import Final, Protocol

from gateway.engine import frames, packets
from gateway.engine.frames import BrokenFrames, Frames
from gateway.engine.packets import BadPacket

MESSAGES_A_SECOND: Final = 20.0
MESSAGE_BURST: Final = 200
"""Messages that a client may send at once, and MESSAGES_A_SECOND from then on (a token bucket):
more than a page needs, and too few to keep the event loop busy."""

UNSENT_BYTES: Final = 16 * 1024
"""Bytes for one client that may wait in the kernel, besides those on their way (TCP_NOTSENT_LOWAT).
A state that waits there cannot be replaced by a newer one."""

_SID_BYTES: Final = 15


class Owner(Protocol):
    """The server that a connection belongs to, as the connection uses it."""

    @property
    def max_bytes(self) -> int:
        """Largest message of a client, in bytes."""

    def now(self) -> float:
        """Return the time of the event loop, in seconds."""

    def message(self, connection: "Connection", text: str) -> None:
        """Take a message of the client; raises BadPacket for one that is out of place."""

    def closing(self, connection: "Connection", reason: str) -> None:
        """Take note that a close frame was sent, and that the connection is to end soon."""

    def slowed(self, connection: "Connection") -> None:
        """Take note that the kernel buffer of a connection is full."""

    def drained(self, connection: "Connection") -> None:
        """Take note that the kernel has taken every byte of a connection."""


class Connection:
    """A client after the WebSocket handshake. Everything belongs to the event loop.

    It is `slow` while its kernel buffer is full. The application holds its events then.
    """

    __slots__ = (
        "__weakref__",
        "_frames",
        "_heard_at",
        "_owner",
        "_tokens",
        "answered",
        "closing",
        "connected",
        "fd",
        "holds",
        "moved",
        "ready",
        "sid",
        "slow",
        "transport",
    )

    def __init__(self, owner: Owner, transport: asyncio.Transport) -> None:
        self.sid = new_sid()
        """The session id: of Engine.IO, then of Socket.IO, a new one at each connect."""
        self.connected = False
        """True from its Socket.IO connect to its disconnect."""
        self.answered = True
        """False from a ping until its pong."""
        self.closing = False
        self.slow = False
        self.holds = False
        """True while the application holds something for it that must leave first."""
        self.ready = False
        """True while an event may be written at once, straight to `fd`; see `settle`.

        There is no TLS here, so these are the bytes that the transport would write.
        """
        self.moved = (0, 0.0)
        """Of a slow one: how many bytes waited when the kernel took some last, and that moment."""
        self._tokens = float(MESSAGE_BURST)
        self._heard_at = 0.0
        self._owner = owner
        self.transport = transport
        self._frames = Frames(owner.max_bytes)
        transport.set_write_buffer_limits(high=0)  # report every byte that the kernel does not take
        sock: socket.socket = transport.get_extra_info("socket")
        self.fd = sock.fileno()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    @property
    def waiting(self) -> int:
        """How many bytes the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        if not self.closing:
            self.transport.write(data)

    def settle(self) -> None:
        """Work out `ready` again, after a change of `connected`, `slow`, `closing` or `holds`."""
        self.ready = self.connected and not (self.slow or self.closing or self.holds)

    def text(self, packet: bytes) -> None:
        """Send a packet."""
        self.write(frames.frame(frames.TEXT, packet))

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame that says why; end the connection once it has left, or soon."""
        if not self.closing:
            self.write(frames.close_frame(code, reason))
            self.closing = True
            self.settle()
            self.transport.close()
            self._owner.closing(self, reason)

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abort()

    def received(self, data: bytes) -> None:
        """Take bytes of the client; broken ones close this connection and nothing else."""
        try:
            for opcode, payload in self._frames.feed(data):
                if self.closing:
                    return
                self._message(opcode, payload)
        except BrokenFrames as exc:
            self.close(exc.code, exc.reason)
        except (BadPacket, UnicodeDecodeError):
            self.close(frames.POLICY, "parse error")

    def _message(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.TEXT:
            self._packet(payload.decode())
        elif opcode == frames.PING:
            self.write(frames.frame(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self.close(frames.NORMAL)
        elif opcode == frames.BINARY:
            self.close(frames.REFUSED_KIND, "no binary packets here")

    def _packet(self, text: str) -> None:
        """Take an Engine.IO packet."""
        kind = text[:1]
        if text == packets.ENGINE_PONG:
            self.answered = True
        elif kind == packets.ENGINE_MESSAGE:
            if self._may_say_more():
                self._owner.message(self, text[1:])
            else:
                self.close(frames.POLICY, "too many messages")
        elif text == packets.ENGINE_CLOSE:
            self.close(frames.NORMAL)
        else:
            raise BadPacket("no packet of a client")

    def _may_say_more(self) -> bool:
        """Take a token from the bucket."""
        now = self._owner.now()
        earned = (now - self._heard_at) * MESSAGES_A_SECOND
        self._tokens = min(MESSAGE_BURST, self._tokens + earned) - 1
        self._heard_at = now
        return self._tokens >= 0

    def paused(self) -> None:
        """Take note that the kernel buffer is full."""
        self.slow = True
        self.settle()
        self._owner.slowed(self)

    def resumed(self) -> None:
        """Take note that the kernel has taken the bytes that waited."""
        self.slow = False
        self.settle()
        self._owner.drained(self)


def new_sid() -> str:
    """Return a session id that nobody can guess."""
    return secrets.token_urlsafe(_SID_BYTES)

"""One client's connection: Engine.IO and Socket.IO by WebSocket or polling, in one small object.

There may be thousands of connections, and most of the time of a gateway is spent on writing the
same bytes to each. So a connection is one object with slots, without a task or a queue of its own:
the protocol of the socket calls `received`, `paused` and `resumed`, one timer serves all pings, and
an event is written straight to the socket while the connection is `ready`.

`ready` says in one look what a write depends on: a WebSocket, connected, not slow, not closing, and
nothing held that must leave first. Each change of one of these has to call `settle`.

A connection that polls has `polling` instead of a WebSocket: the packets that wait for its next
request. It is slow while no request waits for packets, so that what is due to it waits in the
backlog of the application, bounded and merged, as for any other client that takes nothing. When it
has upgraded (`attach`) it is a WebSocket connection like one that began as such.

Nothing is read from a slow connection: a client that takes no answers gets no further ones.

Relied on: a selector transport's socket takes `os.write` on its descriptor when the transport's own
buffer is empty; with a high-water mark of 0 the transport calls `paused` as soon as it is not.
"""

import asyncio
import secrets
import socket
from typing import ClassVar, Final, Protocol

from gateway.engine import frames, packets
from gateway.engine.frames import BrokenFrames, Frames
from gateway.engine.limits import LimitReached, Limits
from gateway.engine.packets import BadPacket
from gateway.engine.polling import Polling

UNSENT_BYTES: Final = 16 * 1024
"""Bytes for one client that may wait in the kernel, besides those on their way (TCP_NOTSENT_LOWAT).
A state that waits there cannot be replaced by a newer one."""

_SID_BYTES: Final = 15


class Owner(Protocol):
    """The server that a connection belongs to, as the connection uses it."""

    @property
    def limits(self) -> Limits:
        """What a client may do."""

    def now(self) -> float:
        """Return the time of the event loop, in seconds."""

    def message(self, connection: "Connection", message: str | bytes) -> None:
        """Take a message of the client; raises BadPacket and LimitReached."""

    def closing(self, connection: "Connection", reason: str) -> None:
        """Take note that a close frame was sent, and that the connection is to end soon."""

    def exceeded(self, limit: str) -> None:
        """Take note that a client says too much."""

    def broke(self, connection: "Connection", reason: str) -> None:
        """Take note that a client does not keep to the protocol."""

    def slowed(self, connection: "Connection") -> None:
        """Take note that the kernel buffer of a connection is full."""

    def drained(self, connection: "Connection") -> None:
        """Take note that a connection takes more: a poll waits, or the kernel has every byte."""

    def attached(self, connection: "Connection") -> None:
        """Take note that a connection is a WebSocket from now on."""

    def leaving(self, connection: "Connection") -> None:
        """Take note that a client that polls has said goodbye."""

    def lost(self, connection: "Connection") -> None:
        """Take note that a connection is gone."""


class Connection:
    """A client, from its handshake on. Everything belongs to the event loop.

    While the client takes no more bytes, the connection is `slow`, and the application holds what
    is due. It polls until `attach`, which for most clients comes at once.
    """

    __slots__ = (
        "__weakref__",
        "_frames",
        "_heard_at",
        "_owner",
        "_tokens",
        "answered",
        "client",
        "closing",
        "connected",
        "fd",
        "free_at",
        "holds",
        "moved",
        "polling",
        "ready",
        "session",
        "shown",
        "sid",
        "slow",
        "transport",
    )

    changes: ClassVar[int] = 0
    """How often `ready` has changed, over all connections."""

    def __init__(
        self, owner: Owner, session: str = "", client: str = "", shown: object = None
    ) -> None:
        self.client = client
        """The address of the client, for the log."""
        self.shown = shown
        """What the client has shown of itself when it began; the application's."""
        self.session = session
        """The session id of Engine.IO of a client that began by polling, else empty."""
        self.sid = ""
        """The session id of Socket.IO, a new one at each connect."""
        self.connected = False
        """True from its Socket.IO connect to its disconnect."""
        self.answered = True
        """False from a ping until its pong."""
        self.closing = False
        self.slow = True
        self.holds = False
        """True while the application holds something for it that must leave first."""
        self.ready = False
        """True while an event may be written at once, straight to `fd`; see `settle`.

        Those are the bytes that the transport would write. With TLS they are not, and `fd` is none:
        a write to it fails, and is left to the transport.
        """
        self.free_at = 0.0
        """The application's: the moment from which it may be written again."""
        self.moved = (0, 0.0)
        """Of a slow one: how many bytes waited when the kernel took some last, and that moment."""
        self.polling: Polling | None = Polling(self)
        self._tokens = float(owner.limits.message_burst)
        self._heard_at = 0.0
        self._owner = owner
        self.transport: asyncio.Transport
        self.fd = -1

    def attach(self, transport: asyncio.Transport, read: Frames, greeting: bytes = b"") -> None:
        """Speak by a WebSocket from now on; `read` is its reader, `greeting` leaves first."""
        self.transport = transport
        self._frames = read
        transport.set_write_buffer_limits(high=0)  # report every byte that the kernel does not take
        sock: socket.socket = transport.get_extra_info("socket")
        self.fd = -1 if transport.get_extra_info("sslcontext") else sock.fileno()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        waiting = self.polling.leave() if self.polling else []
        self.polling = None
        self._owner.attached(self)
        self.slow = False  # before the first write, which may make it slow
        self.write(greeting + b"".join(frames.frame(frames.TEXT, each) for each in waiting))
        if transport.get_write_buffer_size() and not self.slow:
            self.paused()  # its protocol was told before it was ours, or not yet
        self.settle()
        if not self.slow:
            self._owner.drained(self)

    @property
    def waiting(self) -> int:
        """How many bytes the client has not taken yet: those in no backlog."""
        return self.polling.bytes if self.polling else self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send whole frames of packets."""
        if self.polling:
            self.polling.put(frames.payloads(data))
        elif not self.closing:
            self.transport.write(data)

    def settle(self) -> None:
        """Work out `ready` again, after a change of what it depends on."""
        free = not (self.slow or self.closing or self.holds or self.polling)
        ready = self.connected and free
        if ready != self.ready:
            self.ready = ready
            Connection.changes += 1

    def text(self, packet: bytes) -> None:
        """Send a packet of text."""
        if self.polling:
            self.polling.put([packet])
        else:
            self.write(frames.frame(frames.TEXT, packet))

    def binary(self, data: bytes) -> None:
        """Send a message of bytes."""
        if self.polling:
            self.polling.put([packets.base64(data)])
        else:
            self.write(frames.frame(frames.BINARY, data))

    def close(self, code: int, reason: str = "") -> None:
        """End the connection, once a close frame that says why has left, or soon.

        A client that polls learns it by its next request, which finds no session, and connects
        again. After a packet `close` those of python-socketio would never come back.
        """
        if self.closing:
            return
        self.closing = True
        if self.polling:
            self.polling.end()
            self.settle()
            self._owner.lost(self)
        else:
            self.transport.write(frames.close_frame(code, reason))
            self.settle()
            self.transport.close()
            self._owner.closing(self, reason)

    def abort(self) -> None:
        """End the connection now."""
        if self.polling:
            self.close(frames.NORMAL)
        else:
            self.transport.abort()

    def received(self, data: bytes) -> None:
        """Take bytes of the client; broken ones close this connection and nothing else."""
        try:
            for opcode, payload in self._frames.feed(data):
                if self.closing:
                    return
                self.frame(opcode, payload)
        except BrokenFrames as exc:
            self.refuse(exc.code, exc.reason)
        except LimitReached as exc:
            self.exceed(exc)
        except (BadPacket, UnicodeDecodeError):
            self.refuse(frames.POLICY, "parse error")

    def exceed(self, reached: LimitReached) -> None:
        """End the connection of a client that says too much."""
        self._owner.exceeded(reached.limit)
        self.refuse(frames.POLICY, reached.reason)

    def refuse(self, code: int, reason: str) -> None:
        """End the connection of a client that does not keep to the protocol."""
        self._owner.broke(self, reason)
        if self.polling:
            self.polling.put([packets.CLOSE])
        self.close(code, reason)

    def frame(self, opcode: int, payload: bytes) -> None:
        """Take a frame of the client; raises BadPacket, LimitReached and UnicodeDecodeError."""
        if opcode == frames.CLOSE:
            self.close(frames.NORMAL)
        elif opcode == frames.TEXT:
            self.packet(payload.decode())
        else:
            self._count_message()
            if opcode == frames.PING:
                self.write(frames.frame(frames.PONG, payload))
            elif opcode == frames.BINARY:
                self._owner.message(self, payload)

    def packet(self, packet: str | bytes) -> None:
        """Take a packet of Engine.IO; raises LimitReached, and BadPacket if it is out of place."""
        kind = packet[:1]
        self._count_message()
        if self.polling and self.polling.bytes > self._owner.limits.unfetched_bytes:
            raise LimitReached("unfetched-kib", "its answers are not fetched")
        if isinstance(packet, bytes):
            self._owner.message(self, packet)
        elif packet == packets.ENGINE_PONG:
            self.answered = not (self.polling and self.polling.has(packets.PING))
        elif kind == packets.ENGINE_MESSAGE:
            self._owner.message(self, packet[1:])
        elif packet == packets.ENGINE_CLOSE:
            if self.polling:
                self._owner.leaving(self)
                self.polling.end()
            self.close(frames.NORMAL)
        else:
            raise BadPacket("no packet of a client")

    def _count_message(self) -> None:
        """Take a token from the bucket; raises LimitReached if there is none."""
        now, limits = self._owner.now(), self._owner.limits
        earned = (now - self._heard_at) * limits.messages_per_second
        self._tokens = min(limits.message_burst, self._tokens + earned) - 1
        self._heard_at = now
        if self._tokens < 0:
            most = limits.messages_per_second
            raise LimitReached("messages-per-second", f"more than {most} messages a second")

    def forget(self) -> None:
        """Keep nothing of what a client has said that is gone: timers have this for seconds yet."""
        if not self.polling:
            self._frames.forget()

    def paused(self) -> None:
        """Take note that the client takes no more bytes; read nothing from it meanwhile."""
        self.slow = True
        self.settle()
        if not self.polling:
            self.transport.pause_reading()
            self._owner.slowed(self)

    def resumed(self) -> None:
        """Take note that the client takes bytes again."""
        self.slow = False
        self.settle()
        if not self.polling:
            self.transport.resume_reading()
        self._owner.drained(self)


def new_sid() -> str:
    """Return a session id that nobody can guess."""
    return secrets.token_urlsafe(_SID_BYTES)

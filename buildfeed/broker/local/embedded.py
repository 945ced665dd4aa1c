"""The embedded MQTT broker: amqtt in this process, for the mode without RabbitMQ.

It speaks MQTT 3.1.1 only and keeps everything in memory. docs/brokers.md lists the promises of
RabbitMQ that it does not keep.

amqtt takes over the session of a client id before it asks for the password, so a stranger could
end the connection of any client. And of two connections with one client id it keeps the older one
open, though deaf. Therefore we listen ourselves. The CONNECT of a new connection is read and
checked here, and an older connection with its client id is closed. amqtt gets only connections that
may log in, with the CONNECT put back in front of the stream.

Relied on in amqtt, beside its documented interface: a listener of type EXTERNAL opens no port;
`external_connected` returns when the connection has ended; the adapters' `is_closed` and
`StreamWriterAdapter._writer`; that the end of the stream ends a connection; and the exceptions that
`ConnectPacket.from_stream` raises, listed in `_parsed`.
"""

import asyncio
import logging
import struct
import time
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

from amqtt.adapters import BufferReader, StreamReaderAdapter, StreamWriterAdapter
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connect import ConnectPacket

from buildfeed import listeners
from buildfeed.broker.local.embedded_session import LosslessBroker
from buildfeed.broker.local.ports import in_url
from buildfeed.broker.local.users import User

log = logging.getLogger(__name__)

_LISTENER: Final = "default"
_CONNECT_SECONDS: Final = 5
"""Seconds that a client has for its CONNECT."""

MAX_PACKET_BYTES: Final = 512 * 1024
"""Largest packet of a client. A presence has up to 256 KiB; client id, will, user and password of a
CONNECT have 64 KiB each at most."""

MAX_CLIENTS: Final = 1000
"""Open connections; further ones are closed at once."""

MAX_STRANGERS: Final = 100
"""Open connections that have not logged in yet, among them."""

MAX_READER_SESSIONS: Final = 100
"""Durable sessions of users that only read, connected or away: each may hold many messages."""

_TELL_SECONDS: Final = 60.0
"""Shortest time in seconds between two log lines about refused connections."""

_CONNECT: Final = 0x10  # first byte of a CONNECT
_CONTINUED: Final = 0x80  # bit in a byte of a length: another byte follows
_MAX_FIXED_HEADER_BYTES: Final = 5
_MQTT_5: Final = b"\x00\x04MQTT\x05"

# CONNACKs (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2).
_NOT_AUTHORIZED: Final = b"\x20\x02\x00\x05"
_ID_REJECTED: Final = b"\x20\x02\x00\x02"
_UNAVAILABLE: Final = b"\x20\x02\x00\x03"
_UNSUPPORTED_VERSION: Final = b"\x20\x03\x00\x84\x00"


class EmbeddedBroker:
    """An MQTT broker on `host:port` for `users`, in the asyncio loop that starts it."""

    def __init__(self, *, host: str, port: int, users: Sequence[User]) -> None:
        self._host = host
        self._port = port
        self._users = {user.name: user for user in users}
        self._clients: set[asyncio.Task[None]] = set()
        self._strangers = 0
        self._connections: dict[str, _Connection] = {}
        self._refused = 0
        self._told = -_TELL_SECONDS

    def url(self, user: User) -> str:
        """Return the URL for clients of a user on this machine, with its password."""
        login = f"{quote(user.name, safe='')}:{quote(user.password, safe='')}"
        return f"mqtt://{login}@{in_url(listeners.reachable(self._host))}:{self._port}"

    async def start(self) -> None:
        """Listen; raise CannotListen, e.g. when the port is taken."""
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        listener = ListenerConfig(type=ListenerType.EXTERNAL)
        config = BrokerConfig(listeners={_LISTENER: listener}, plugins={})
        self._broker = LosslessBroker(config, self._users)
        self._servers = [
            await asyncio.start_server(self._accept, sock=sock, start_serving=False)
            for sock in listeners.bind(self._host, self._port)
        ]
        await self._broker.start()
        for server in self._servers:
            await server.start_serving()

    async def stop(self) -> None:
        """Stop listening, drop every client, and forget all sessions and messages."""
        for server in self._servers:
            server.close()
        await self._broker.shutdown()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS or self._strangers >= MAX_STRANGERS:
            writer.transport.abort()
            self._tell_refused()
            return
        self._strangers += 1
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    def _tell_refused(self) -> None:
        self._refused += 1
        if time.monotonic() - self._told >= _TELL_SECONDS:
            log.warning("embedded.too_many_connections", extra={"times": self._refused})
            self._refused, self._told = 0, time.monotonic()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    first, body = await _read_connect(reader)
            finally:
                self._strangers -= 1
            if body.startswith(_MQTT_5):
                writer.write(_UNSUPPORTED_VERSION)
                return
            connect = await _parsed(first + body)
            if refusal := self._refusal(connect):
                writer.write(refusal)
                return
            stream = _ReplayingReader(reader, first + body)
            await self._take_over(connect.client_id, _Connection(stream, writer))
        except (OSError, EOFError, _MalformedConnect):
            log.debug("embedded.client_lost", exc_info=True)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    def _refusal(self, connect: ConnectPacket) -> bytes | None:
        """Return the CONNACK that refuses a CONNECT, None for one that may go on."""
        user = self._user(connect.username, connect.password)
        if user is None:
            return _NOT_AUTHORIZED
        owner = self._broker.owner(connect.client_id)
        if owner is not None and owner != user.name:
            return _ID_REJECTED  # it would end, and inherit, the session of another user
        if user.reads_only and not connect.clean_session_flag and owner is None:
            durable = self._broker.durable_sessions(user.name)
            return _UNAVAILABLE if durable >= MAX_READER_SESSIONS else None
        return None

    def _user(self, name: str | None, password: str | None) -> User | None:
        """Return the user of a login, in a time that does not depend on the password."""
        user = self._users.get(name or "")
        right = compare_digest((password or "").encode(), (user.password if user else "").encode())
        return user if right else None

    async def _take_over(self, client_id: str, connection: "_Connection") -> None:
        """Serve a connection to its end; first close an older one with its client id.

        The older one is told nothing: MQTT 3.1.1 has no words for it (§3.1.4-2).
        """
        older = self._connections.get(client_id)
        self._connections[client_id] = connection
        try:
            if older:
                older.close()
                await older.ended.wait()
                if self._connections.get(client_id) is not connection:
                    return  # a newer one has come meanwhile
            await self._broker.external_connected(
                connection.reader, _PromptWriter(connection.writer), _LISTENER
            )
        finally:
            connection.ended.set()
            if self._connections.get(client_id) is connection:
                del self._connections[client_id]


class _Connection:
    """A connection that has logged in."""

    def __init__(self, reader: "_ReplayingReader", writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.ended = asyncio.Event()

    def close(self) -> None:
        """Close it from our side; `ended` follows."""
        self.reader.end()
        self.writer.transport.abort()


class _MalformedConnect(Exception):
    """The first packet of a client is no CONNECT."""


async def _parsed(connect: bytes) -> ConnectPacket:
    """Return a CONNECT; raise _MalformedConnect."""
    try:
        packet = await ConnectPacket.from_stream(BufferReader(connect))
    except (AMQTTError, MQTTError, NoDataError, ValueError, IndexError, struct.error) as exc:
        raise _MalformedConnect from exc
    return packet


async def _read_connect(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return fixed header and rest of a CONNECT (MQTT 3.1.1 §2.2.3, §3.1).

    Raises _MalformedConnect for any other packet.
    """
    first = await reader.readexactly(2)
    while first[-1] & _CONTINUED and len(first) < _MAX_FIXED_HEADER_BYTES:
        first += await reader.readexactly(1)
    size = _length(first)
    if first[0] != _CONNECT or not len(_MQTT_5) <= size <= MAX_PACKET_BYTES:
        raise _MalformedConnect
    return first, await reader.readexactly(size)


def _length(fixed_header: bytes) -> int:
    """Return the remaining length that a fixed header tells (MQTT 3.1.1 §2.2.3)."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(fixed_header[1:]))


class _ReplayingReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream of packets with the bytes that were already read from it, `first`, in front again.

    It ends at a packet over MAX_PACKET_BYTES, of which nothing more than its length is read.
    """

    def __init__(self, reader: asyncio.StreamReader, first: bytes) -> None:
        super().__init__(reader)
        self._first = first
        self._header = b""
        self._left = 0  # bytes of the packet that are still to come
        self._ended = False

    def end(self) -> None:
        """Let the stream be at its end."""
        self._ended = True

    async def read(self, n: int = -1) -> bytes:
        if not (self._left or self._header):
            # amqtt handles each packet in a task, and at the end of the stream cancels those that
            # had no turn yet: a DISCONNECT, or a message before it.
            await asyncio.sleep(0)
        if self._ended:
            return b""
        first, self._first = self._first[:n], self._first[n:]
        rest: bytes = await super().read(n - len(first))
        data = first + rest
        if self._left:
            self._left -= len(data)
        else:
            self._read_header(data)
        return b"" if self._ended else data

    def _read_header(self, data: bytes) -> None:
        """Take bytes of a fixed header (MQTT 3.1.1 §2.2): amqtt reads them one by one."""
        self._header += data
        if len(self._header) > 1 and not self._header[-1] & _CONTINUED:
            self._left, self._header = _length(self._header), b""
            if self._left > MAX_PACKET_BYTES:
                log.info("embedded.packet_too_large", extra={"bytes": self._left})
                self._ended = True


class _PromptWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream that closes without a wait: a client that does not read would make it wait."""

    async def close(self) -> None:
        self.is_closed = True
        self._writer.close()

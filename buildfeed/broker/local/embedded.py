"""The embedded MQTT broker: amqtt in this process, for the mode without RabbitMQ.

It speaks MQTT 3.1.1 only and keeps everything in memory. docs/brokers.md lists the promises of
RabbitMQ that it does not keep.

amqtt takes over the session of a client id before it asks for the password, so a stranger could
end the connection of any client. Therefore we listen ourselves: the CONNECT of a new connection is
read and checked here, and amqtt gets only connections that may log in, with the CONNECT put back
in front of the stream.

Relied on in amqtt, beside its documented interface: a listener of type EXTERNAL opens no port;
`external_connected` returns when the connection has ended; the adapters' `is_closed` and
`StreamWriterAdapter._writer`; and the exceptions that `ConnectPacket.from_stream` raises, listed
in `_may_log_in`.
"""

import asyncio
import logging
import struct
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

from amqtt.adapters import BufferReader, StreamReaderAdapter, StreamWriterAdapter
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connect import ConnectPacket
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from buildfeed import listeners
from buildfeed.broker.local.embedded_session import LosslessBroker
from buildfeed.broker.local.ports import in_url

log = logging.getLogger(__name__)

_LISTENER: Final = "default"
_CONNECT_SECONDS: Final = 5
"""Seconds that a client has for its CONNECT."""

_MAX_CONNECT_BYTES: Final = 256 * 1024
"""A longer CONNECT is refused: client id, will, user and password have 64 KiB each at most."""

_CONNECT: Final = 0x10  # first byte of a CONNECT
_MAX_FIXED_HEADER_BYTES: Final = 5
_MQTT_5: Final = b"\x00\x04MQTT\x05"
_CONNACK_REFUSED: Final = b"\x20\x02\x00\x05"  # MQTT 3.1.1 §3.2, not authorized
_CONNACK_UNSUPPORTED: Final = b"\x20\x03\x00\x84\x00"  # MQTT 5 §3.2, unsupported version


class EmbeddedBroker:
    """An MQTT broker on `host:port` with one user, in the asyncio loop that starts it."""

    def __init__(self, *, host: str, port: int, user: str, password: str) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL for clients on this machine, with user and password."""
        login = f"{quote(self._user, safe='')}:{quote(self._password, safe='')}"
        return f"mqtt://{login}@{in_url(listeners.reachable(self._host))}:{self._port}"

    async def start(self) -> None:
        """Listen; raise CannotListen, e.g. when the port is taken."""
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        plugin = f"{OneUser.__module__}.{OneUser.__qualname__}"
        config = BrokerConfig(
            listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
            plugins={plugin: {"user": self._user, "password": self._password}},
        )
        self._broker = LosslessBroker(config)
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

    async def _may_log_in(self, connect: bytes) -> bool:
        """Tell whether a CONNECT has the right user and password; raise _MalformedConnect."""
        try:
            packet = await ConnectPacket.from_stream(BufferReader(connect))
        except (AMQTTError, MQTTError, NoDataError, ValueError, IndexError, struct.error) as exc:
            raise _MalformedConnect from exc
        return _is_user(self._user, self._password, (packet.username, packet.password))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                first, body = await _read_connect(reader)
            if body.startswith(_MQTT_5):
                writer.write(_CONNACK_UNSUPPORTED)
            elif not await self._may_log_in(first + body):
                writer.write(_CONNACK_REFUSED)
            else:
                await self._broker.external_connected(
                    _ReplayingReader(reader, first + body), _PromptWriter(writer), _LISTENER
                )
        except (OSError, EOFError, _MalformedConnect):
            log.debug("embedded.client_lost", exc_info=True)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()


def _is_user(user: str, password: str, given: tuple[str | None, str | None]) -> bool:
    """Tell whether `given` is user and password, in a time that does not depend on them."""
    return compare_digest("\n".join(map(str, given)).encode(), f"{user}\n{password}".encode())


class _MalformedConnect(Exception):
    """The first packet of a client is no CONNECT."""


async def _read_connect(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return fixed header and rest of a CONNECT (MQTT 3.1.1 §2.2.3, §3.1).

    Raises _MalformedConnect for any other packet.
    """
    first = await reader.readexactly(2)
    while first[-1] & 0x80 and len(first) < _MAX_FIXED_HEADER_BYTES:
        first += await reader.readexactly(1)
    size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(first[1:]))
    if first[0] != _CONNECT or not len(_MQTT_5) <= size <= _MAX_CONNECT_BYTES:
        raise _MalformedConnect
    return first, await reader.readexactly(size)


class _ReplayingReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream with the bytes that were already read from it, `first`, in front again."""

    def __init__(self, reader: asyncio.StreamReader, first: bytes) -> None:
        super().__init__(reader)
        self._first = first

    async def read(self, n: int = -1) -> bytes:
        first, self._first = self._first[:n], self._first[n:]
        rest: bytes = await super().read(n - len(first))
        return first + rest


class _PromptWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream that closes without a wait: a client that does not read would make it wait."""

    async def close(self) -> None:
        self.is_closed = True
        self._writer.close()


class OneUser(BaseAuthPlugin):  # type: ignore[misc]  # amqtt is not typed
    """Checks the one user and password. amqtt's own plugin needs a file, and argon2."""

    @dataclass
    class Config:
        """The configuration, as amqtt hands it over."""

        user: str
        password: str

    async def authenticate(self, *, session: Session) -> bool:
        """Tell whether the client may connect."""
        given = session.username, session.password
        return _is_user(self.config.user, self.config.password, given)

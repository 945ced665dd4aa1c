"""An MQTT broker in this process, for the mode that needs no RabbitMQ: amqtt, made to fit.

It speaks MQTT 3.1.1 only and keeps everything in memory. docs/architecture.md lists what it does
not promise.
"""

import asyncio
import logging
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from broker.embedded_session import LosslessBroker
from broker.ports import in_url

log = logging.getLogger(__name__)

_LISTENER: Final = "default"
_FIRST_BYTES_SECONDS: Final = 5
_MAX_FIXED_HEADER: Final = 5
_MQTT_5: Final = b"\x00\x04MQTT\x05"
_CONNACK_UNSUPPORTED: Final = b"\x20\x03\x00\x84\x00"  # MQTT 5 §3.2, unsupported version


class EmbeddedBroker:
    """A broker on `host:port` with one user, in the asyncio loop that starts it."""

    def __init__(self, *, host: str, port: int, user: str, password: str) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL for our clients, with user and password."""
        login = f"{quote(self._user, safe='')}:{quote(self._password, safe='')}"
        return f"mqtt://{login}@{in_url(self._host)}:{self._port}"

    async def start(self) -> None:
        """Listen; raise OSError when the port is taken."""
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        plugin = f"{OneUser.__module__}.{OneUser.__qualname__}"
        config = BrokerConfig(
            listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
            plugins={plugin: {"user": self._user, "password": self._password}},
        )
        self._broker = LosslessBroker(config)
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, start_serving=False
        )
        await self._broker.start()
        await self._server.start_serving()

    async def stop(self) -> None:
        """Drop every client, stop listening and forget everything."""
        self._server.close()
        await self._broker.shutdown()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_FIRST_BYTES_SECONDS):
                first = await _read_connect(reader)
            if first.endswith(_MQTT_5):
                writer.write(_CONNACK_UNSUPPORTED)
            else:
                await self._broker.external_connected(
                    _Reader(reader, first), _Writer(writer), _LISTENER
                )
        except (OSError, EOFError):
            log.debug("embedded.client_lost", exc_info=True)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()


async def _read_connect(reader: asyncio.StreamReader) -> bytes:
    """Return the start of a CONNECT, up to the protocol version (MQTT 3.1.1 §2.2.3, §3.1)."""
    first = await reader.readexactly(2)
    while first[-1] & 0x80 and len(first) < _MAX_FIXED_HEADER:
        first += await reader.readexactly(1)
    return first + await reader.readexactly(len(_MQTT_5))


class _Reader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream that starts again with its first bytes."""

    def __init__(self, reader: asyncio.StreamReader, first: bytes) -> None:
        super().__init__(reader)
        self._first = first

    async def read(self, n: int = -1) -> bytes:
        first, self._first = self._first[:n], self._first[n:]
        rest: bytes = await super().read(n - len(first))
        return first + rest


class _Writer(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream whose end waits for nobody: a client that reads no more would hold it up."""

    async def close(self) -> None:
        self.is_closed = True
        self._writer.close()


class OneUser(BaseAuthPlugin):  # type: ignore[misc]  # amqtt is not typed
    """Lets in who knows the one user and password: amqtt's own plugin needs a file and argon2."""

    @dataclass
    class Config:
        """What amqtt hands over from its configuration."""

        user: str
        password: str

    async def authenticate(self, *, session: Session) -> bool:
        """Tell whether the client may connect."""
        given = f"{session.username}\n{session.password}".encode()
        return compare_digest(given, f"{self.config.user}\n{self.config.password}".encode())

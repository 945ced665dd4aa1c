"""The bytes of a connection to the embedded broker: its CONNECT, and the stream that amqtt gets.

Relied on in amqtt, beside its documented interface: the adapters' `is_closed` and
`StreamWriterAdapter._writer`; that the end of the stream ends a connection; and the exceptions that
`ConnectPacket.from_stream` raises, listed in `parsed`.
"""

import asyncio
import logging
import struct
from typing import Any, Final, Protocol

from amqtt.adapters import BufferReader, StreamReaderAdapter, StreamWriterAdapter
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connect import ConnectPacket

log = logging.getLogger(__name__)

MAX_PACKET_BYTES: Final = 512 * 1024
"""Largest packet of a client. A presence has up to 256 KiB; client id, will, user and password of a
CONNECT have 64 KiB each at most."""

MQTT_5: Final = b"\x00\x04MQTT\x05"
"""How the CONNECT of a client that speaks MQTT 5 goes on behind its fixed header."""

_CONNECT: Final = 0x10  # first byte of a CONNECT
_CONTINUED: Final = 0x80  # bit in a byte of a length: another byte follows
_MAX_FIXED_HEADER_BYTES: Final = 5


class MalformedConnect(Exception):
    """A client does not begin with a CONNECT, or with the WebSocket that it has to open."""


class Reader(Protocol):
    """Where packets are read: a stream of asyncio, or a WebSocket."""

    async def readexactly(self, n: int) -> bytes:
        """Return the next `n` bytes; raise asyncio.IncompleteReadError at the end."""


class Writer(Protocol):
    """Where packets are written: a stream of asyncio, or a WebSocket."""

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport below, which can be aborted."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as asyncio's
        """Return a fact about the connection."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    async def drain(self) -> None:
        """Wait until the client takes more."""

    def close(self) -> None:
        """End the connection; what was written leaves first."""


async def read_connect(reader: Reader) -> tuple[bytes, bytes]:
    """Return fixed header and rest of a CONNECT (MQTT 3.1.1 §2.2.3, §3.1).

    Raises MalformedConnect for any other packet.
    """
    first = await reader.readexactly(2)
    while first[-1] & _CONTINUED and len(first) < _MAX_FIXED_HEADER_BYTES:
        first += await reader.readexactly(1)
    size = _length(first)
    if first[0] != _CONNECT or not len(MQTT_5) <= size <= MAX_PACKET_BYTES:
        raise MalformedConnect
    return first, await reader.readexactly(size)


async def parsed(connect: bytes) -> ConnectPacket:
    """Return a CONNECT; raise MalformedConnect."""
    try:
        packet = await ConnectPacket.from_stream(BufferReader(connect))
    except (AMQTTError, MQTTError, NoDataError, ValueError, IndexError, struct.error) as exc:
        raise MalformedConnect from exc
    return packet


def _length(fixed_header: bytes) -> int:
    """Return the remaining length that a fixed header tells (MQTT 3.1.1 §2.2.3)."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(fixed_header[1:]))


class ReplayingReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream of packets with the bytes that were already read from it, `first`, in front again.

    It ends at a packet over MAX_PACKET_BYTES, of which nothing more than its length is read.
    """

    def __init__(self, reader: Reader, first: bytes) -> None:
        super().__init__(reader)
        self._first = first
        self._header = b""
        self._left = 0  # bytes of the packet that are still to come
        self._ended = False

    def end(self) -> None:
        """Let the stream be at its end."""
        self._ended = True

    async def read(self, n: int = -1) -> bytes:
        """Return up to `n` bytes, none at the end."""
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


class PromptWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream that closes without a wait: a client that does not read would make it wait."""

    async def close(self) -> None:
        """Close it."""
        self.is_closed = True
        self._writer.close()

"""MQTT over WebSocket at the embedded broker: a stream of bytes inside binary messages.

MQTT 3.1.1 §6 asks for the subprotocol `mqtt` and for binary messages, whose borders mean nothing:
a packet may be in several, and several in one. The WebSocket (RFC 6455) is that of `websockets`,
without its I/O: so bytes are read when MQTT wants them, and a client that takes nothing makes us
wait as it does without a WebSocket. Nothing is compressed.

The `Origin` is not looked at, as RabbitMQ does not: a browser adds no login of its own here, so a
foreign page has nothing that any other program has not.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from buildfeed.broker.local.embedded_stream import MAX_PACKET_BYTES, MalformedConnect
from buildfeed.broker.local.listener import WEB_SOCKET_PATH

_MQTT: Final = Subprotocol("mqtt")
_MAX_MESSAGE_BYTES: Final = MAX_PACKET_BYTES + 5
"""Largest message of a client: a packet with its fixed header."""
_READ_BYTES: Final = 64 * 1024
_OF_DATA: Final = Opcode.BINARY, Opcode.CONT


class WebSocket:
    """A connection whose client opened a WebSocket: read and written as a stream is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol(subprotocols=[_MQTT], max_size=_MAX_MESSAGE_BYTES)
        self._data = bytearray()
        self._ended = False

    async def open(self) -> None:
        """Return once the client has its answer; raise MalformedConnect after a refusal."""
        while self._protocol.state is not OPEN:
            if self._ended:
                raise MalformedConnect
            await self._receive()

    # Reading, as asyncio.StreamReader.

    async def readexactly(self, n: int) -> bytes:
        """Return the next `n` bytes of MQTT; raise IncompleteReadError at the end."""
        while len(self._data) < n:
            if self._ended:
                raise asyncio.IncompleteReadError(bytes(self._data), n)
            await self._receive()
        data = bytes(self._data[:n])
        del self._data[:n]
        return data

    async def _receive(self) -> None:
        """Take what has come from the network, and answer what the WebSocket asks."""
        data = await self._reader.read(_READ_BYTES)
        if not data:
            self._ended = True
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif isinstance(event, Frame) and event.opcode in _OF_DATA:
                self._data += event.data
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "MQTT is binary")
        if self._flush():
            await self._writer.drain()

    def _answer(self, request: Request) -> None:
        if request.path.partition("?")[0] == WEB_SOCKET_PATH:
            response = self._protocol.accept(request)
        else:
            text = f"MQTT over WebSocket is at {WEB_SOCKET_PATH}.\n"
            response = self._protocol.reject(HTTPStatus.NOT_FOUND, text)
        self._protocol.send_response(response)

    # Writing, as asyncio.StreamWriter.

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport below."""
        return self._writer.transport

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as asyncio's
        """Return a fact about the connection below."""
        return self._writer.get_extra_info(name)

    def write(self, data: bytes) -> None:
        """Send bytes, which are one message; after the end nothing."""
        if self._protocol.state is OPEN:
            self._protocol.send_binary(data)
            self._flush()

    async def drain(self) -> None:
        """Wait until the client takes more."""
        await self._writer.drain()

    def close(self) -> None:
        """End the connection; what was written leaves first."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._writer.close()

    def _flush(self) -> bool:
        """Hand on what the WebSocket wants to send; tell whether it was anything."""
        pieces = self._protocol.data_to_send()
        for piece in pieces:
            if piece:
                self._writer.write(piece)
            else:  # it is over
                self._ended = True
        return bool(pieces)

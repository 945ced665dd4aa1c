"""The listeners of the embedded broker: their sockets, and how a connection begins and ends.

To the broker all listeners are one: TLS and the WebSocket, if a listener has them, are opened
before it reads its first packet.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final, cast

from buildfeed import listeners
from buildfeed.broker.local.embedded_stream import Reader, Writer
from buildfeed.broker.local.embedded_web_socket import WebSocket
from buildfeed.broker.local.listener import Listener
from buildfeed.errors import CannotListen

_CLOSE_SECONDS: Final = 2.0
"""Seconds in which what was written may leave, and a client may say goodbye by TLS."""


def bound(at: Sequence[Listener]) -> list[tuple[Listener, socket.socket]]:
    """Return the sockets of listeners; raise CannotListen, with none of them left bound."""
    found: list[tuple[Listener, socket.socket]] = []
    try:
        for each in at:
            found += [(each, sock) for sock in listeners.bind(each.host, each.port)]
    except CannotListen:
        for _, sock in found:
            sock.close()
        raise
    return found


def accepted(listener: Listener, writer: asyncio.StreamWriter) -> None:
    """Take note of a new connection, in the moment in which it is there.

    A client begins with TLS: until that is waited for, it would be taken for MQTT.
    """
    if listener.tls:
        cast(asyncio.Transport, writer.transport).pause_reading()


async def opened(
    listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[Reader, Writer]:
    """Return what MQTT is read from and written to, once TLS and the WebSocket are there.

    Raises OSError, EOFError or MalformedConnect.
    """
    if listener.tls:
        await writer.start_tls(listener.tls)
    if not listener.web_socket:
        return reader, writer
    web_socket = WebSocket(reader, writer)
    await web_socket.open()
    return web_socket, web_socket


async def closed(writer: Writer, socket_: asyncio.StreamWriter) -> None:
    """End a connection, whatever its client does; `socket_` is what is below `writer`."""
    writer.close()
    try:
        with contextlib.suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket_.wait_closed()
    finally:
        socket_.transport.abort()

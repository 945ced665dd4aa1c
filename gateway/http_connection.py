"""The TCP connection below a response, for the three things that ASGI does not offer.

A stream that never ends has to be cut off when its reader takes nothing, has to know how many of
its bytes are still waiting, and must be told that the server is about to stop. ASGI has no word for
any of these. So `http/protocol.py` puts an `HttpConnection` into the scope of every request, and
keeps it informed.

Data for a slow reader waits in its backlog, where a newer state can replace it. Therefore the two
buffers below are kept small: that of the transport takes nothing beyond the write that filled the
kernel's, and the kernel keeps SMALL_BYTES that are not on their way yet.

Relied on: with a high-water mark of 0 asyncio's transport reports every byte that the kernel does
not take; a socket that is closed with SO_LINGER 0 sends a reset and drops its data.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from starlette.types import Scope

SMALL_BYTES: Final = 16 * 1024
"""Bytes that may wait in the kernel, besides those on their way (TCP_NOTSENT_LOWAT)."""

EXTENSION: Final = "buildfeed.connection"
"""The key of a request's `HttpConnection` in its scope (ASGI: extensions)."""


class HttpConnection:
    """The connection that a request came on."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self.ending = False
        """True once the server is about to stop or the connection is lost."""
        self.lost = False
        """True once the connection is gone: nothing can be sent."""
        self.dismissed = False
        """True once its client has to go: who it was is not known any more."""
        self.on_end: Callable[[], None] = lambda: None
        """Called each time that one of these two becomes true."""

    @property
    def waiting(self) -> int:
        """How many bytes the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def _socket(self) -> socket.socket:
        return cast(socket.socket, self._transport.get_extra_info("socket"))

    async def gone(self) -> None:
        """Wait until the client is gone or has to go; for one caller, which is not a stream."""
        over = asyncio.Event()
        self.on_end = lambda: over.set() if self.lost or self.dismissed else None
        self.on_end()
        await over.wait()

    async def writable(self) -> None:
        """Wait until the kernel has taken every byte, or `ending`."""
        await self._writable.wait()

    def keep_buffers_small(self) -> None:
        """Make the buffers of transport and kernel small, for a stream with a backlog."""
        self._transport.set_write_buffer_limits(high=0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, SMALL_BYTES)

    def abort(self) -> None:
        """End it at once; waiting bytes are dropped, in the kernel too (RFC 9293 §3.10.5)."""
        if not self._transport.is_closing():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def dismiss(self) -> None:
        """Send the client away: what it waits for ends, and so does the connection.

        Another request on it may be that of somebody else, so what has ended is not to be seen.
        """
        self.dismissed = True
        self.end(lost=False)

    def close(self) -> None:
        """Close the connection; what was written leaves first."""
        self._transport.close()

    def pause(self) -> None:
        """Note that the kernel buffer is full."""
        self._writable.clear()

    def resume(self) -> None:
        """Note that the kernel has taken every byte."""
        self._writable.set()

    def end(self, *, lost: bool) -> None:
        """Note that it is over, or soon will be."""
        self.ending = True
        self.lost = self.lost or lost
        self._writable.set()
        self.on_end()


def of(scope: Scope) -> HttpConnection:
    """Return the connection of a request."""
    return cast(HttpConnection, scope["extensions"][EXTENSION])

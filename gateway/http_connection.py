"""The TCP connection below a response: what ASGI does not offer.

ASGI cannot abort a connection, say how much of a response waits to be sent, or tell a response
that the server is about to stop. A stream that never ends needs all three. `http/protocol.py` puts
an `HttpConnection` into the scope of every request.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from starlette.types import Scope

SMALL_BYTES: Final = 16 * 1024

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
        """True once nothing can be sent any more."""
        self.on_end: Callable[[], None] = lambda: None
        """Called each time that one of them becomes true."""

    @property
    def waiting(self) -> int:
        """How many bytes the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def _socket(self) -> socket.socket:
        return cast(socket.socket, self._transport.get_extra_info("socket"))

    async def writable(self) -> None:
        """Wait until the system has taken everything, or `ending`."""
        await self._writable.wait()

    def keep_buffers_small(self) -> None:
        """Let what cannot be sent yet wait with us, not below, where nothing newer replaces it."""
        self._transport.set_write_buffer_limits(high=0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, SMALL_BYTES)

    def abort(self) -> None:
        """Close it at once; what waits is lost, below us too (RFC 9293 §3.10.5)."""
        if not self._transport.is_closing():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def pause(self) -> None:
        """Note that the kernel takes no more bytes for now."""
        self._writable.clear()

    def resume(self) -> None:
        """Note that the system has taken everything."""
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

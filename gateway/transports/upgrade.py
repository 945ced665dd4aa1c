"""The WebSocket of a watcher, as uvicorn hands it over: the other place that reaches below ASGI.

uvicorn reads the head of each request. For a handshake of a WebSocket it makes an object of the
class that it was given, feeds it the same head again, and then lets it have the TCP connection.
That class is `WatcherSocket`. It reads the head once more, and chooses between two servers:

* A client that begins as a WebSocket is served by `engine`, on the bare connection. A delivery
  costs a tenth of the CPU time there, and a watcher less than a tenth of the memory, compared with
  python-socketio (`docs/performance.md`).
* A WebSocket that upgrades a polling session, is refused, or is no proper handshake goes to
  uvicorn's own protocol, and so to ASGI, where the guard and python-socketio answer it.

Relied on in uvicorn, besides asyncio's protocol interface: the arguments of the constructor
(`app_state` is the mapping that the lifespan yields); that the first data is the head of the
request, and the protocol is set after it; that the server calls `shutdown` of each of its
`connections`, and waits for those that are left. Of its own protocol: `loop`, `app_state`,
`connections`, `disconnected`, and `handshake_complete`, without which it would log an error after a
refusal.
"""

import asyncio
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from gateway.access.access import SOCKETS, Access
from gateway.engine import frames, handshake
from gateway.engine.connection import Connection
from gateway.engine.handshake import Head
from gateway.engine.server import Server


class WatcherSocket(asyncio.Protocol):
    """A WebSocket; the head of its request decides by which of the two it is served."""

    __slots__ = ("__weakref__", "_connection", "_general", "_served", "_transport")

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._served = config, server_state, app_state
        self._connection: Connection | None = None
        self._general: GeneralSocket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take the head of the request first, then the bytes of the client."""
        if self._connection:
            self._connection.received(data)
        elif self._general:
            self._general.data_received(data)
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        config, state, app = self._served
        head = handshake.parse(data)
        answer = handshake.accepted(head)
        server: Server | None = app.get("server")
        if server and answer and _is_direct(head) and not _refused(head, app):
            self._connection = server.open(self._transport, answer)
            state.connections.add(self)  # type: ignore[arg-type] # it asks for shutdown only
            return
        self._general = GeneralSocket(config, state, app)
        self._general.connection_made(self._transport)
        self._general.data_received(data)
        # Our caller makes us the protocol when we return.
        asyncio.get_running_loop().call_soon(self._transport.set_protocol, self._general)

    def pause_writing(self) -> None:
        """Take note that the kernel buffer is full."""
        if self._connection:
            self._connection.paused()

    def resume_writing(self) -> None:
        """Take note that the kernel has taken every byte."""
        if self._connection:
            self._connection.resumed()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the connection."""
        _, state, app = self._served
        state.connections.discard(self)
        if self._connection:
            app["server"].lost(self._connection)

    def shutdown(self) -> None:
        """Close with “service restart” (IANA, after RFC 6455 §7.4), at a moment of the drain."""
        _, state, app = self._served
        if self._connection:
            moment = app["drain"].moment(len(state.connections))
            loop = asyncio.get_running_loop()
            loop.call_later(moment, self._connection.close, frames.RESTART, "service restart")


class GeneralSocket(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, but closed at its turn of the drain, not at once."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a refusal ends the handshake too, and must not be logged as a failure."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Close at a moment of the drain."""
        self.loop.call_later(self.app_state["drain"].moment(len(self.connections)), self._close)

    def _close(self) -> None:
        if not self.disconnected:
            super().shutdown()


def _refused(head: Head, app: dict[str, Any]) -> bool:
    access: Access = app["access"]
    return access.refusal(head.lines("host"), head.lines("origin"), acts=True) is not None


def _is_direct(head: Head) -> bool:
    """Tell whether it begins as a WebSocket: one with a `sid` upgrades a polling session."""
    return (
        head.path == f"{SOCKETS}/"
        and head.asks("EIO") == "4"
        and head.asks("transport") == "websocket"
        and not head.asks("sid")
    )

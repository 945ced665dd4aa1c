"""The WebSockets of socket.io clients, as uvicorn hands them over: a place that reaches below ASGI.

A WebSocket begins a connection of the engine, or upgrades a session that polls.

Relied on besides asyncio's protocol interface: the arguments of the constructor (`app_state` is
what the lifespan yields), that the first data is the head of the request and the protocol is set
after it, and of the server's `connections` that each has `shutdown`.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway import problems
from gateway.access import credentials
from gateway.access.clients import Clients
from gateway.access.refusals import Refusals
from gateway.engine import frames, handshake
from gateway.engine.connection import Connection
from gateway.engine.handshake import Head
from gateway.engine.server import Server
from gateway.engine.upgrade import Upgrade
from gateway.problems import Problem

_NO_SESSION: Final = "There is no session that could upgrade: connect again."


class WatcherSocket(asyncio.Protocol):
    """A WebSocket; the head of its request comes first, then what the client sends."""

    __slots__ = ("__weakref__", "_app", "_connection", "_state", "_transport", "_upgrade")

    def __init__(
        self,
        config: Config,  # noqa: ARG002 - uvicorn gives it by this name
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        self._state = server_state
        self._app = app_state
        self._connection: Connection | None = None
        self._upgrade: Upgrade | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take the head of the request first, then what the client sends."""
        if self._connection:
            self._connection.received(data)
        elif self._upgrade:
            self._upgrade.received(data)
            if self._upgrade.done:
                self._connection, self._upgrade = self._upgrade.connection, None
        elif not self._transport.is_closing():
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        head = handshake.parse(data)
        answer = handshake.accepted(head)
        peername = self._transport.get_extra_info("peername")
        peer = peername[0] if peername else ""
        client = self._app["clients"].address(peer, head.lines("x-forwarded-for"))
        if problem := self._refusal(head, answer, peer, client):
            refusals: Refusals = self._app["refusals"]
            is_secure = any(map(refusals.is_secure, head.lines("host")))
            self._end(problems.encoded(problem, is_secure=is_secure))
            return
        server: Server = self._app["server"]
        session = head.asks("sid")
        if not session:
            shown = credentials.shown(*map(", ".join, map(head.lines, credentials.HEADERS)))
            self._connection = server.open(self._transport, answer or b"", client, shown)
        else:
            self._transport.write(answer or b"")
            self._upgrade = server.upgrade(session, self._transport)
            if not self._upgrade:
                self._end(frames.close_frame(frames.POLICY, _NO_SESSION))
                return
        self._state.connections.add(self)  # type: ignore[arg-type] # it asks for shutdown only

    def _end(self, last: bytes) -> None:
        """Close, after a last word; at once if the client has not taken what came before."""
        self._transport.write(last)
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _refusal(self, head: Head, answer: bytes | None, peer: str, client: str) -> Problem | None:
        refusals: Refusals = self._app["refusals"]
        clients: Clients = self._app["clients"]
        problem = refusals.of(head.lines("host"), head.lines("origin"), client, acts=True)
        if problem:
            return problem
        if head.asks("EIO") != "4" or head.asks("transport") != "websocket":
            detail = "A WebSocket here is one of socket.io: EIO=4 and transport=websocket."
            return Problem(HTTPStatus.BAD_REQUEST, "no-websocket", detail)
        if not answer:
            detail = "This is no handshake of a WebSocket of version 13 (RFC 6455 §4.1)."
            return Problem(HTTPStatus.BAD_REQUEST, "no-websocket", detail)
        return clients.share(self, client) if clients.is_proxy(peer) else None

    def pause_writing(self) -> None:
        """Take note."""
        if self._connection:
            self._connection.paused()

    def resume_writing(self) -> None:
        """Take note."""
        if self._connection:
            self._connection.resumed()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Take note."""
        self._state.connections.discard(self)
        for holder in (self, self._transport):
            self._app["clients"].leave(holder)
        if self._connection:
            self._app["server"].lost(self._connection)
        elif self._upgrade:
            self._upgrade.lost()

    def shutdown(self) -> None:
        """Close with “service restart” (IANA, after RFC 6455 §7.4), a moment later."""
        moment = self._app["drain"].moment(len(self._state.connections))
        asyncio.get_running_loop().call_later(moment, self._restart)

    def _restart(self) -> None:
        if self._connection:
            self._connection.close(frames.RESTART, "service restart")
        else:
            self._transport.close()

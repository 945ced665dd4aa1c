"""A server that echoes, as the test suites of Engine.IO and Socket.IO ask for one.

usage: python conformance_server.py PORT stock|gateway engine|socket
`stock` is python-socketio on uvicorn, `gateway` the engine of the gateway.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import engineio
import socketio
import uvicorn
from socketio.packet import ACK, EVENT
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route

sys.path += [str(Path(__file__).parents[1])]

from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.paths import SOCKETS
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.engine import packets
from gateway.engine.connection import Connection
from gateway.engine.limits import Limits
from gateway.engine.packets import Packet
from gateway.engine.server import Server
from gateway.engine.socket_io import SocketIO
from gateway.http import failures
from gateway.http.entrance import patience
from gateway.transports.polling import PollingRequests

NAMESPACES = frozenset(["/", "/custom"])
LIMITS = Limits(ping_interval=0.3, ping_timeout=0.2, connect_timeout=1.0, max_bytes=1_000_000)
AUTH_SECONDS = 0.02
OPTIONS: dict[str, Any] = {
    "async_mode": "asgi",
    "ping_interval": LIMITS.ping_interval,
    "ping_timeout": LIMITS.ping_timeout,
    "max_http_buffer_size": LIMITS.max_bytes,
    "cors_allowed_origins": "*",
}


class SocketEcho:
    """An application of the engine: `auth` after a connect, and events come back."""

    def connect(self, connection: Connection, packet: Packet) -> None:
        """Tell the client its own `auth`.

        The suite would miss an event that arrives together with the answer to its connect.
        """
        loop = asyncio.get_running_loop()
        loop.call_later(AUTH_SECONDS, say, connection, packet, EVENT, ["auth", packet.data or {}])

    def event(self, connection: Connection, packet: Packet) -> None:
        """Send it back."""
        name, *arguments = packet.data
        if name == "message":
            say(connection, packet, EVENT, ["message-back", *arguments])
        elif packet.id is not None:
            say(connection, packet, ACK, arguments)

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Do nothing."""

    def drain(self, connection: Connection) -> None:
        """Do nothing: nothing waits."""


def say(connection: Connection, to: Packet, kind: int, data: list[Any]) -> None:
    """Send a packet, in the namespace of `to`."""
    packet = Packet(kind, data, to.namespace, to.id if kind == ACK else None)
    encoded = packet.encode()
    for part in encoded if isinstance(encoded, list) else [encoded]:
        if isinstance(part, bytes):
            connection.binary(part)
        else:
            connection.text(packets.ENGINE_MESSAGE.encode() + part.encode())


class EngineEcho:
    """A handler of the engine without Socket.IO: messages come back."""

    def message(self, connection: Connection, message: str | bytes) -> None:
        """Send it back."""
        connection.connected = True  # for this suite, a connection that speaks is no idle one
        if isinstance(message, bytes):
            connection.binary(message)
        else:
            connection.text(packets.ENGINE_MESSAGE.encode() + message.encode())

    def end(self, connection: Connection, reason: str) -> None:
        """Do nothing."""

    def drain(self, connection: Connection) -> None:
        """Do nothing: nothing waits."""


def stock_engine() -> Any:  # noqa: ANN401 - engineio has no types
    """Return the application of python-engineio."""
    server = engineio.AsyncServer(**OPTIONS)

    async def message(sid: str, data: str | bytes) -> None:
        await server.send(sid, data)

    server.on("message", message)
    return engineio.ASGIApp(server, engineio_path="/")


def stock_socket() -> Any:  # noqa: ANN401 - socketio has no types
    """Return the application of python-socketio."""
    server = socketio.AsyncServer(**OPTIONS, always_connect=True, namespaces=sorted(NAMESPACES))

    def serve(namespace: str) -> None:
        async def connect(sid: str, _environ: object, auth: object = None) -> None:
            await server.emit("auth", auth or {}, to=sid, namespace=namespace)

        async def message(sid: str, *arguments: object) -> None:
            await server.emit("message-back", arguments, to=sid, namespace=namespace)

        async def with_ack(_sid: str, *arguments: object) -> tuple[object, ...]:
            return arguments

        server.on("connect", connect, namespace=namespace)
        server.on("message", message, namespace=namespace)
        server.on("message-with-ack", with_ack, namespace=namespace)

    for namespace in NAMESPACES:
        serve(namespace)
    return socketio.ASGIApp(server, socketio_path="/")


def stock(suite: str) -> Starlette:
    """Return the application of the stock server."""
    app = stock_engine() if suite == "engine" else stock_socket()
    return Starlette(routes=[Mount(SOCKETS, app)])


def gateway(suite: str) -> Starlette:
    """Return an application with the gateway's engine."""
    requests: list[Route] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        socket_io = SocketIO(SocketEcho(), namespaces=NAMESPACES, attachments=10)
        server = Server(EngineEcho() if suite == "engine" else socket_io, LIMITS)
        polling = PollingRequests(server)
        app.router.routes.append(Route(f"{SOCKETS}/", polling))
        yield {
            "clients": Clients(Proxies(()), 0, 0),
            "drain": Drain(0),
            "patience": patience(),
            "polling": polling,
            "refusals": Refusals(Access(())),
            "server": server,
        }

    return Starlette(
        lifespan=lifespan,
        routes=requests,
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])],
        exception_handlers=dict.fromkeys(failures.EXCEPTIONS, failures.answer),
    )


def main(port: str, server: str, suite: str) -> None:
    """Serve until killed."""
    own: dict[str, Any] = {
        "ws": "gateway.transports.websocket:WatcherSocket",
        "http": "gateway.http.entrance:Entrance",
    }
    uvicorn.run(
        gateway(suite) if server == "gateway" else stock(suite),
        host="localhost",
        port=int(port),
        log_level="warning",
        **(own if server == "gateway" else {}),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

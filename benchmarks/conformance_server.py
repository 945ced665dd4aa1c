"""The echo server that the test suites of Engine.IO and Socket.IO ask for.

usage: python conformance_server.py PORT stock|gateway engine|socket
`stock` is python-socketio on uvicorn. `gateway` puts the gateway's engine in front of it, which
serves clients that begin as a WebSocket, as in the gateway.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import engineio
import msgspec
import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

sys.path += [str(Path(__file__).parents[1])]

from gateway.access.access import Access
from gateway.drain import Drain
from gateway.engine import packets
from gateway.engine.connection import Connection
from gateway.engine.server import Handler, Limits, Server
from gateway.engine.socket_io import SocketIO
from gateway.http.guard import SOCKETS

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
    """Application of the engine that sends `auth` after a connect, and every event back."""

    def connect(self, connection: Connection, auth: object) -> None:
        """Tell the client its own `auth`.

        After a delay, as the suite misses an event that comes together with the answer to its
        connect.
        """
        loop = asyncio.get_running_loop()
        loop.call_later(AUTH_SECONDS, connection.text, packets.event("auth", auth or {}))

    def event(
        self, connection: Connection, name: str, arguments: list[Any], ack: int | None
    ) -> None:
        """Send it back."""
        if name == "message":
            connection.text(b"42" + msgspec.json.encode(["message-back", *arguments]))
        elif ack is not None:
            connection.text(b"43%d" % ack + msgspec.json.encode(arguments))

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Do nothing."""

    def drain(self, connection: Connection) -> None:
        """Do nothing: nothing waits."""


class EngineEcho:
    """A handler of the engine without Socket.IO: messages come back."""

    def message(self, connection: Connection, text: str) -> None:
        """Send it back."""
        connection.text(packets.ENGINE_MESSAGE.encode() + text.encode())

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
    server = socketio.AsyncServer(**OPTIONS, always_connect=True, namespaces=["/", "/custom"])

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

    serve("/")
    serve("/custom")
    return socketio.ASGIApp(server, socketio_path="/")


def main(port: str, server: str, suite: str) -> None:
    """Serve until killed."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        handler: Handler = EngineEcho() if suite == "engine" else SocketIO(SocketEcho())
        yield {"drain": Drain(0), "access": Access(()), "server": Server(handler, LIMITS)}

    app = Starlette(
        lifespan=lifespan,
        routes=[Mount(SOCKETS, stock_engine() if suite == "engine" else stock_socket())],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])],
    )
    own = {"ws": "gateway.transports.upgrade:WatcherSocket"} if server == "gateway" else {}
    uvicorn.run(app, host="localhost", port=int(port), log_level="warning", **own)  # type: ignore[arg-type] # ws


if __name__ == "__main__":
    main(*sys.argv[1:])

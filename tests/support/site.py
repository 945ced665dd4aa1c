"""A real server in the process of the test, that echoes requests."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.entrance import Entrance
from gateway.http.listener import Listener


class EchoSite:
    """Echoes by `protocol`; `seen` has the requests that were whole, `clients` their addresses.

    `state` is what a lifespan would yield; with a `handover` in it, connections are accepted by a
    `Listener`, as in a gateway. A request of `/held` is answered once `hold` is set.
    """

    def __init__(
        self, port: int, protocol: type[HttpToolsProtocol], state: dict[str, Any] | None = None
    ) -> None:
        self.seen: list[str] = []
        self.clients: list[str] = []
        self.hold = asyncio.Event()
        self.port = port
        self._state = state or {}
        self._writers: list[asyncio.StreamWriter] = []  # one that nobody knows is closed
        config = uvicorn.Config(
            self._app,
            http=protocol,
            ws="gateway.transports.websocket:WatcherSocket",
            port=port,
            log_config=None,
            lifespan="on",
            interface="asgi3",
            proxy_headers=False,
        )
        self.server = uvicorn.Server(config)

    @property
    def connections(self) -> set[Any]:
        """The connections that the server has."""
        return set(self.server.server_state.connections)

    @classmethod
    @asynccontextmanager
    async def served(
        cls,
        port: int,
        protocol: type[HttpToolsProtocol],
        state: dict[str, Any] | None = None,
    ) -> AsyncIterator[Self]:
        """Serve at a port, until the end."""
        site = cls(port, protocol, state)
        listens = "handover" in site._state
        serving = asyncio.create_task(site.server.serve([] if listens else None))
        async with asyncio.timeout(10):
            while not site.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        if listens:
            await site._listen(protocol)
        try:
            yield site
        finally:
            site.hold.set()
            for writer in site._writers:
                writer.close()
            serving.cancel()  # told to exit, it would look only at its next tick
            await asyncio.gather(serving, return_exceptions=True)
            await site.server.shutdown()

    async def _listen(self, protocol: type[HttpToolsProtocol]) -> None:
        server, loop = self.server, asyncio.get_running_loop()

        def connect() -> Entrance:
            made = protocol(server.config, server.server_state, server.lifespan.state)
            return cast(Entrance, made)

        bound = await loop.create_server(connect, "127.0.0.1", self.port, start_serving=False)
        server.servers.append(cast(asyncio.Server, Listener(loop, bound, connect, 100)))

    async def _app(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            body = (await request.body()).decode()
        except ClientDisconnect:
            return
        if request.url.path == "/held":
            await self.hold.wait()
        self.seen.append(f"{request.method} {request.url.path} {body}".strip())
        self.clients.append(request.client.host if request.client else "")
        await PlainTextResponse(self.seen[-1])(scope, receive, send)

    async def _live(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        await receive()
        scope["state"].update(self._state)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def connect(self, host: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to it, from the address `host`."""
        local = (host, 0) if host else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=local)
        self._writers.append(writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader, writer

    async def ask(self, *parts: bytes) -> str:
        """Return what is answered until the server closes, to a request in so many segments."""
        reader, writer = await self.connect()
        for part in parts:
            writer.write(part)
            await writer.drain()
            for _ in range(5):
                await asyncio.sleep(0)  # the server reads it by itself
        async with asyncio.timeout(5):
            answer = (await reader.read()).decode()
        writer.close()
        return answer

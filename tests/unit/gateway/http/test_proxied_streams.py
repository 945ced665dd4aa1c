"""Streams behind a trusted proxy count for the address of their client."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.http.proxied_streams import STREAMS, ProxiedStreams


class Streams:
    """An application of streams that last until `end` is set, limited to one of an address."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self._limited = ProxiedStreams(self._app, Clients(Proxies(["10.0.0.1"]), 0, 1))

    async def _app(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.end.wait()

    async def begin(self, client: str, path: str = STREAMS, *, proxied: bool = True) -> int:
        """Return the status of the answer to a request."""
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.set_result(message["status"])

        scope: dict[str, Any] = {"type": "http", "path": path, "client": (client, 0)}
        scope["state"] = {"proxied": True} if proxied else {}
        self.last = asyncio.create_task(self._limited(scope, None, send))  # type: ignore[arg-type]
        return await status


async def test_one_address_has_so_many_streams() -> None:
    streams = Streams()
    assert await streams.begin("198.51.100.7") == 200
    first = streams.last
    assert await streams.begin("198.51.100.7") == 503
    assert await streams.begin("198.51.100.8") == 200
    streams.end.set()
    await first
    assert await streams.begin("198.51.100.7") == 200


async def test_other_requests_do_not_count() -> None:
    streams = Streams()
    for _ in range(3):
        assert await streams.begin("198.51.100.7", "/api/builds") == 200
        assert await streams.begin("198.51.100.7", proxied=False) == 200
        assert await streams.begin("10.0.0.1") == 200  # a proxy that names nobody
    streams.end.set()

"""Polls on the bare connection of a real server in this process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.handover import Handover
from gateway.http.entrance import Entrance, patience
from support import wired
from support.builders import accept, start
from support.site import EchoSite

WATCH = '40{"watch":"builds/#"}'


class Served:
    """A server, and the socket.io behind it."""

    def __init__(self, site: EchoSite, behind: wired.Site) -> None:
        self.site = site
        self.behind = behind
        self.transport = behind.transport


class Client:
    """A client that polls on one connection and sends on another."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.session = ""
        self.heard: list[str] = []

    async def connect(self) -> None:
        self.polling, self._writer = await self.served.site.connect()
        self.sending, self._sender = await self.served.site.connect()
        self.session = json.loads((await self.get())[1:])["sid"]

    def ask(self, *fields: str) -> None:
        query = f"EIO=4&transport=polling&sid={self.session}".removesuffix("&sid=")
        lines = [f"GET /socket.io/?{query} HTTP/1.1", "Host: localhost", *fields, "", ""]
        self._writer.write("\r\n".join(lines).encode())

    async def get(self, *fields: str) -> str:
        self.ask(*fields)
        return await self.answer(self.polling)

    async def post(self, body: str, *fields: str) -> str:
        query = f"EIO=4&transport=polling&sid={self.session}"
        lines = [f"POST /socket.io/?{query} HTTP/1.1", "Host: localhost", *fields]
        lines += [f"Content-Length: {len(body)}", "", body]
        self._sender.write("\r\n".join(lines).encode())
        return await self.answer(self.sending)

    async def answer(self, reader: asyncio.StreamReader) -> str:
        """Return the body of an answer, after the status if that is another than 200."""
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = (await reader.readexactly(length)).decode()
        assert "x-content-type-options: nosniff" in head or self.served.site.seen
        status = head.split()[1]
        return body if status == "200" else f"{status} {body}"

    def close(self) -> None:
        self._writer.transport.abort()

    async def wait(self) -> None:
        """Poll, and return when the poll waits."""
        self.ask()
        server = self.served.transport.server
        async with asyncio.timeout(5):
            while not (found := server.polling(self.session)) or not (  # noqa: ASYNC110
                found.polling and found.polling.waits
            ):
                await asyncio.sleep(0.01)

    async def until_gone(self) -> None:
        async with asyncio.timeout(5):
            while self.served.transport.server.polling(self.session):  # noqa: ASYNC110 - any reason
                await asyncio.sleep(0.01)
        assert not self.served.transport.watchers


@pytest.fixture(params=["accepted by the loop", "accepted by a listener"])
async def served(
    free_port: Callable[[], int], request: pytest.FixtureRequest
) -> AsyncIterator[Served]:
    behind = wired.Site()
    state = {
        "clients": Clients(Proxies(()), 0, 0),
        "patience": patience(),
        "refusals": Refusals(Access(["https://partner.example"])),
        "drain": Drain(0),
        "server": behind.transport.server,
        "polling": behind.transport.polling,
    }
    if request.param == "accepted by a listener":
        state["handover"] = Handover(None)
    async with EchoSite.served(free_port(), Entrance, state) as site:
        yield Served(site, behind)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    client = Client(served)
    await client.connect()
    yield client
    client.close()


async def test_a_client_polls_without_asgi(served: Served, client: Client) -> None:
    assert await client.post(WATCH) == "ok"
    assert (await client.get()).startswith('40{"sid":')
    client.ask()
    await served.behind.receive(start(), accept())

    body = await client.answer(client.polling)

    kinds = [json.loads(packet[2:])[1]["kind"] for packet in body.split("\x1e")]
    assert kinds == ["start", "status"]
    assert served.site.seen == []


async def test_a_request_in_pieces_takes_the_long_way(served: Served, client: Client) -> None:
    head = f"GET /socket.io/?EIO=4&transport=polling&sid={client.session} HTTP/1.1\r\n"
    client._writer.write(head.encode())
    await asyncio.sleep(0.02)
    client._writer.write(b"Host: localhost\r\n\r\n")
    assert await client.answer(client.polling) == "GET /socket.io/"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://partner.example", "null"])
async def test_what_needs_a_look_at_its_origin_takes_the_long_way(
    served: Served, client: Client, origin: str
) -> None:
    assert await client.post("40", f"Origin: {origin}") == "POST /socket.io/ 40"
    assert served.site.seen


async def test_our_own_page_takes_the_short_one(served: Served, client: Client) -> None:
    assert await client.post("40", "Origin: http://localhost") == "ok"
    assert served.site.seen == []


async def test_a_session_ends_whose_poll_is_lost(served: Served, client: Client) -> None:
    await client.post(WATCH)
    await client.get()
    await client.wait()
    client.close()
    await client.until_gone()


async def test_an_unknown_session_is_told_so(client: Client) -> None:
    client.session = "unknown"
    answer = await client.get()
    assert answer.startswith("400 ")
    assert "unknown-session" in answer


async def test_a_request_that_comes_while_a_poll_waits_is_answered_after_it(
    served: Served, client: Client
) -> None:
    await client.post(WATCH)
    await client.get()
    await client.wait()
    client._writer.write(b"GET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(0.05)
    assert served.site.seen == []
    await served.behind.receive(start())
    assert '"kind":"start"' in await client.answer(client.polling)
    head = await client.polling.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert served.site.seen == ["GET /behind"]


async def test_one_that_goes_on_sending_while_its_poll_waits_is_cut_off(
    served: Served, client: Client
) -> None:
    await client.post(WATCH)
    await client.get()
    await client.wait()
    client._writer.write(b"x" * 200_000)
    await client.until_gone()


async def test_the_connection_ends_when_the_client_wants_that(client: Client) -> None:
    assert await client.post("40", "Connection: close") == "ok"
    assert await client.sending.read() == b""


async def test_a_server_that_stops_lets_go_of_polls(served: Served, client: Client) -> None:
    await client.post(WATCH)
    await client.get()
    await client.wait()
    for connection in served.site.connections:
        connection.shutdown()
    assert await client.answer(client.polling) == "6"
    await client.until_gone()

"""Connections as two processes of one port take them, here two sites in one process."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.engine.connection import Connection
from gateway.handover import Handover
from gateway.http.entrance import Entrance, patience
from support import wired
from support.builders import accept, start
from support.site import EchoSite

WATCH = '40{"watch":"builds/#"}'
CLOSING = "Connection: close"


class Process:
    """A site with a socket.io of its own, as a process of the port has it."""

    def __init__(self, directory: Path | None, most: int = 0, stuck: float = 60.0) -> None:
        self.handover = Handover(directory)
        self.clients = Clients(Proxies(()), most, 0)
        self.behind = wired.Site(backlog_bytes=8_000_000)
        self.server = self.behind.transport.server
        self.server._new_session = self.handover.new_session
        self.state = {
            "clients": self.clients,
            "patience": patience(stuck=stuck),
            "refusals": Refusals(Access([])),
            "drain": Drain(0),
            "server": self.server,
            "polling": self.behind.transport.polling,
            "handover": self.handover,
        }
        self.site: EchoSite

    async def ask(self, method: str, session: str, body: str = "", *fields: str) -> str:
        """Return the body of the answer, after the status if that is another than 200."""
        reader, writer = await self.begin(method, session, body, *fields)
        async with asyncio.timeout(5):
            answer = (await reader.read()).decode()
        writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        assert re.search(r"\r\nconnection: close(\r\n|$)", head.lower())
        status = head.split()[1]
        return body if status == "200" else f"{status} {body}"

    async def begin(
        self, method: str, session: str, body: str = "", *fields: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        query = f"EIO=4&transport=polling&sid={session}".removesuffix("&sid=")
        lines = [f"{method} /socket.io/?{query} HTTP/1.1", "Host: localhost", CLOSING, *fields]
        lines += [f"Content-Length: {len(body)}", "", body] if body else ["", ""]
        reader, writer = await self.site.connect()
        writer.write("\r\n".join(lines).encode())
        return reader, writer

    async def connect(self) -> str:
        """Return a session that watches."""
        session: str = json.loads((await self.ask("GET", ""))[1:])["sid"]
        assert await self.ask("POST", session, WATCH) == "ok"
        assert (await self.ask("GET", session)).startswith('40{"sid"')
        return session

    async def waits(self, session: str) -> Connection:
        """Return the connection of a session, once a poll waits."""
        async with asyncio.timeout(5):
            while True:
                found = self.server.polling(session)
                if found and found.polling and found.polling.waits:
                    return found
                await asyncio.sleep(0.01)

    async def until_gone(self, session: str) -> None:
        async with asyncio.timeout(5):
            while self.server.polling(session):  # noqa: ASYNC110 - any reason
                await asyncio.sleep(0.01)


@pytest.fixture
async def process(free_port: Callable[[], int]) -> AsyncIterator[Process]:
    alone = Process(None)
    async with EchoSite.served(free_port(), Entrance, alone.state) as alone.site:
        yield alone


@pytest.fixture
async def two(
    free_port: Callable[[], int], tmp_path: Path
) -> AsyncIterator[tuple[Process, Process]]:
    both = Process(tmp_path), Process(tmp_path)
    async with AsyncExitStack() as stack:
        for each in both:
            site = EchoSite.served(free_port(), Entrance, each.state)
            each.site = await stack.enter_async_context(site)
            running = asyncio.create_task(each.handover.run())
            stack.callback(running.cancel)
        await asyncio.sleep(0)
        yield both


async def test_a_client_may_have_a_connection_for_each_request(process: Process) -> None:
    session = await process.connect()
    reader, _ = await process.begin("GET", session)
    await process.waits(session)
    await process.behind.receive(start())
    answer = (await reader.read()).decode()
    assert '"kind":"start"' in answer
    assert process.site.connections == set()  # neither a transport nor a parser
    assert process.site.seen == []
    assert process.clients.open == 0  # no session is counted here either


async def test_each_process_answers_for_its_own_sessions(two: tuple[Process, Process]) -> None:
    here, there = two
    session = await here.connect()
    reader, _ = await there.begin("GET", session)
    await here.waits(session)
    await here.behind.receive(start())
    assert '"kind":"start"' in (await reader.read()).decode()
    assert await there.ask("POST", session, "1") == "ok"
    await here.until_gone(session)


async def test_a_poll_may_go_on_elsewhere_and_its_connection_with_it(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    session = await here.connect()
    reader, writer = await there.site.connect()
    for activity in (start(), accept()):
        writer.write(
            f"GET /socket.io/?EIO=4&transport=polling&sid={session} HTTP/1.1\r\n"
            "Host: localhost\r\n\r\n".encode()
        )
        await here.waits(session)
        await here.behind.receive(activity)
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        assert b'"build":"' in await reader.readexactly(size)
    assert len(here.site.connections) == 1
    assert there.site.connections == set()


async def test_a_session_ends_with_a_client_that_goes_away(process: Process) -> None:
    session = await process.connect()
    _, writer = await process.begin("GET", session)
    await process.waits(session)
    writer.transport.abort()
    await process.until_gone(session)


async def test_it_ends_too_where_another_process_had_the_connection(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    session = await here.connect()
    _, writer = await there.begin("GET", session)
    await here.waits(session)
    writer.close()
    await here.until_gone(session)


async def test_an_answer_that_the_kernel_does_not_take_at_once_arrives(process: Process) -> None:
    session = await process.connect()
    connection = process.server.polling(session)
    assert connection
    assert connection.polling
    raw = socket.create_connection(("127.0.0.1", process.site.port))
    query = f"EIO=4&transport=polling&sid={session}"
    raw.sendall(
        f"GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\n{CLOSING}\r\n\r\n".encode()
    )
    await process.waits(session)
    packet = b'42["x","' + b"y" * 20_000_000 + b'"]'
    connection.polling.put([packet])
    read = await asyncio.to_thread(_read_all, raw)
    assert read.partition(b"\r\n\r\n")[2] == packet
    async with asyncio.timeout(5):
        while process.site.connections:  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(0.01)


async def test_one_that_does_not_take_it_is_cut_off(free_port: Callable[[], int]) -> None:
    process = Process(None, stuck=0.1)
    async with EchoSite.served(free_port(), Entrance, process.state) as process.site:
        session = await process.connect()
        connection = process.server.polling(session)
        assert connection
        assert connection.polling
        await process.begin("GET", session)
        await process.waits(session)
        connection.polling.put([b"4" + b"y" * 20_000_000])
        async with asyncio.timeout(5):
            while not process.site.connections:  # noqa: ASYNC110 - see Listener
                await asyncio.sleep(0)
            while process.site.connections:  # noqa: ASYNC110 - it ends by itself
                await asyncio.sleep(0.01)


async def test_two_polls_end_the_session(process: Process) -> None:
    session = await process.connect()
    reader, _ = await process.begin("GET", session)
    await process.waits(session)
    assert (await process.ask("GET", session)).startswith("400 ")
    async with asyncio.timeout(5):
        assert (await reader.read()).endswith(b"\r\n\r\n1")
    await process.until_gone(session)


@pytest.mark.parametrize("field", ["Origin: https://evil.example", "Content-Encoding: identity"])
async def test_anything_unusual_goes_to_the_application(process: Process, field: str) -> None:
    session = await process.connect()
    await process.ask("POST", session, "40", field)
    assert process.site.seen == ["POST /socket.io/ 40"]


async def test_a_stranger_with_a_made_up_session_learns_that_there_is_none(
    process: Process,
) -> None:
    assert (await process.ask("GET", "AAAAAAAA.x")).startswith("400 ")


async def test_one_that_says_nothing_is_served_later(process: Process) -> None:
    reader, writer = await process.site.connect()
    async with asyncio.timeout(5):
        while not process.site.connections:  # noqa: ASYNC110 - the kernel waits for a second
            await asyncio.sleep(0.05)
    writer.write(b"GET /late HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"GET /late" in await reader.read()


async def test_one_beyond_the_limit_is_refused(free_port: Callable[[], int]) -> None:
    process = Process(None, most=1)
    async with EchoSite.served(free_port(), Entrance, process.state) as process.site:
        _, writer = await process.site.connect()
        writer.write(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(5):
            while not process.clients.open:  # noqa: ASYNC110 - it comes
                await asyncio.sleep(0.01)
        refused = b"GET /more HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert (await process.site.ask(refused)).startswith("HTTP/1.1 503 ")


async def test_a_server_that_stops_lets_go_of_polls(process: Process) -> None:
    session = await process.connect()
    reader, _ = await process.begin("GET", session)
    await process.waits(session)
    for each in process.site.server.servers:
        each.close()
    assert (await reader.read()).endswith(b"\r\n\r\n6")
    await process.until_gone(session)


def _read_all(connection: socket.socket) -> bytes:
    read = b""
    while more := connection.recv(65536):
        read += more
    connection.close()
    return read

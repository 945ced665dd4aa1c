"""Connections that one process hands to another, here two in one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.handover import Handover


class Taken:
    """The connections that a process was given, each with the bytes read before."""

    def __init__(self) -> None:
        self.all: list[tuple[socket.socket, bytes]] = []

    def __call__(self, connection: socket.socket, data: bytes) -> None:
        self.all.append((connection, data))

    async def next(self) -> tuple[socket.socket, bytes]:
        async with asyncio.timeout(5):
            while not self.all:  # noqa: ASYNC110 - the loop brings it
                await asyncio.sleep(0)
        return self.all.pop()


class Process:
    def __init__(self, directory: Path) -> None:
        self.handover = Handover(directory)
        self.taken = Taken()
        self.handover.serve = self.taken
        self.running = asyncio.create_task(self.handover.run())

    async def end(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process(tmp_path)
    await asyncio.sleep(0)
    yield process
    await process.end()


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process(tmp_path)
    await asyncio.sleep(0)
    yield process
    await process.end()


async def test_the_other_process_goes_on_where_the_first_has_stopped(
    here: Process, there: Process
) -> None:
    client, server = socket.socketpair()
    client.send(b"and more")
    assert here.handover.pass_on(there.handover.new_session(), server.fileno(), b"GET /")
    server.close()

    taken, data = await there.taken.next()

    assert data == b"GET /"
    assert taken.recv(100) == b"and more"
    taken.send(b"hello")
    assert client.recv(100) == b"hello"
    client.close()
    taken.close()


async def test_many_are_handed_over_in_their_order(here: Process, there: Process) -> None:
    session = there.handover.new_session()
    pairs = [socket.socketpair() for _ in range(50)]
    for number, (_, server) in enumerate(pairs):
        assert here.handover.pass_on(session, server.fileno(), b"%d" % number)
    async with asyncio.timeout(5):
        while len(there.taken.all) < len(pairs):  # noqa: ASYNC110 - the loop brings them
            await asyncio.sleep(0)
    assert [int(data) for _, data in there.taken.all] == list(range(50))
    for each in (*(s for pair in pairs for s in pair), *(s for s, _ in there.taken.all)):
        each.close()


@pytest.mark.parametrize(
    "session", ["", "unknown", "AAAAAAAA.x", "../../tmp.x", "AAAAAAA/.x", "a" * 5000]
)
async def test_what_is_nobodys_stays_here(here: Process, session: str) -> None:
    client, server = socket.socketpair()
    assert not here.handover.pass_on(session, server.fileno(), b"GET /")
    client.close()
    server.close()


async def test_ones_own_stays_here(here: Process) -> None:
    client, server = socket.socketpair()
    assert not here.handover.pass_on(here.handover.new_session(), server.fileno(), b"GET /")
    client.close()
    server.close()


async def test_sessions_of_a_process_that_has_ended_are_nobodys(
    here: Process, there: Process
) -> None:
    session = there.handover.new_session()
    client, server = socket.socketpair()
    assert here.handover.pass_on(session, server.fileno(), b"1")
    taken, _ = await there.taken.next()
    taken.close()
    await there.end()

    assert not here.handover.pass_on(session, server.fileno(), b"2")
    client.close()
    server.close()


async def test_a_request_that_is_too_large_stays_here(here: Process, there: Process) -> None:
    client, server = socket.socketpair()
    data = b"x" * (129 * 1024)
    assert not here.handover.pass_on(there.handover.new_session(), server.fileno(), data)
    client.close()
    server.close()


async def test_alone_there_is_nobody_to_hand_anything_to() -> None:
    alone = Handover(None)
    assert alone.new_session().startswith(f"{alone.name}.")
    assert not alone.pass_on(Handover(None).new_session(), 0, b"GET /")


async def test_a_process_that_leaves_takes_nothing_more(here: Process, there: Process) -> None:
    client, server = socket.socketpair()
    session = there.handover.new_session()
    assert here.handover.pass_on(session, server.fileno(), b"GET /")
    (await there.taken.next())[0].close()

    there.handover.leave()

    assert not here.handover.pass_on(session, server.fileno(), b"GET /")
    client.close()
    server.close()


async def test_a_folder_with_a_long_path_will_do_and_one_that_was_cleaned(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    here, there = Process(folder), Process(folder)
    async with asyncio.timeout(5):
        while len(list(folder.iterdir())) < 2:  # noqa: ASYNC110 - the loop brings it
            await asyncio.sleep(0)
        for socket_ in folder.iterdir():
            socket_.unlink()
        folder.rmdir()
        folder.mkdir()
        while len(list(folder.iterdir())) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    client, server = socket.socketpair()
    with client, server:
        assert here.handover.pass_on(there.handover.new_session(), server.fileno(), b"GET")
        taken, data = await there.taken.next()
        assert data == b"GET"
        taken.close()
    await here.end()
    await there.end()

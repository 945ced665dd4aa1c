"""A connection on the loop and the sockets that it runs on, past whose transport deliveries go."""

import asyncio
import contextlib
import json
import socket
import struct
from typing import cast

import uvloop

from gateway.engine.connection import Connection
from gateway.engine.frames import TEXT
from support.builders import ending, progress
from support.client_frames import sent
from support.wired import Site, packets, settle

ROUNDS = 4000
COMERS = 50
SMALL = 8192


class Entrance(asyncio.Protocol):
    """The end of a connection that has shaken hands."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        self.connection: Connection = self._site.transport.server.open(transport, b"")

    def data_received(self, data: bytes) -> None:
        self.connection.received(data)

    def pause_writing(self) -> None:
        self.connection.paused()

    def resume_writing(self) -> None:
        self.connection.resumed()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._site.transport.server.lost(self.connection)


class Listener:
    """WebSocketTransport that listen on a port of uvloop's, and the entrances of those who came."""

    def __init__(self) -> None:
        self.site = Site()
        self.entrances: list[Entrance] = []

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._made, "127.0.0.1", 0)
        self._address = server.sockets[0].getsockname()

    def _made(self) -> Entrance:
        self.entrances.append(Entrance(self.site))
        return self.entrances[-1]

    async def connect(self, auth: bytes = b"") -> socket.socket:
        """Return the socket of a client that says it is there."""
        loop, sock, there = asyncio.get_running_loop(), socket.socket(), len(self.entrances)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sock.setblocking(False)
        await loop.sock_connect(sock, self._address)
        await loop.sock_sendall(sock, sent(TEXT, b"40" + auth))
        while len(self.entrances) == there or not self.entrances[-1].connection.connected:
            await settle()
        return sock


async def test_deliveries_past_the_transport_neither_overtake_nor_tear_what_it_sends() -> None:
    said, slowed = await asyncio.to_thread(lambda: uvloop.run(_deliver_to_one_who_reads_in_fits()))
    assert slowed > 10, "it was never full: nothing was shown"
    builds = [json.loads(text[2:])[1] for text in said if text.startswith('42["build"')]
    numbers = [(build["attempt"], build["seq"]) for build in builds]
    answers = [int(text[2:-2]) for text in said if text.startswith("43")]
    assert numbers == sorted(numbers)
    assert builds[-1]["status"] == "succeeded"
    assert answers == list(range(0, ROUNDS, 10))


async def _deliver_to_one_who_reads_in_fits() -> tuple[list[str], int]:
    """Return what it got, and how often it was slow."""
    listener, loop = Listener(), asyncio.get_running_loop()
    await listener.listen()
    sock = await listener.connect(b'{"watch":"builds/#"}')
    connection = listener.entrances[0].connection
    got, slowed = bytearray(), 0

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            got.extend(sock.recv(1 << 20))

    for number in range(ROUNDS):
        if number % 97 == 0:
            loop.call_soon(read)  # the delivery finds room, and its transport does not know yet
        await listener.site.receive(progress(number % 100, attempt=number // 100))
        slowed += connection.slow
        if number % 10 == 0:
            connection.text(b"43%d[]" % number)
    await listener.site.receive(ending(attempt=ROUNDS))
    while b'"status":"succeeded"' not in got[-2000:] or connection.waiting:
        read()
        await settle()
    sock.close()
    return packets(bytes(got)), slowed


async def test_nobody_gets_what_was_for_one_who_is_gone() -> None:
    said = await asyncio.to_thread(lambda: uvloop.run(_come_and_go()))
    assert len(said) == COMERS
    assert not [text for texts in said for text in texts if "build" in text]


async def _come_and_go() -> list[list[str]]:
    """Return what each got who watches nothing and has the number of a connection that did."""
    listener, said, number = Listener(), [], 0
    await listener.listen()
    while len(said) < COMERS:
        watcher = await listener.connect(b'{"watch":"builds/#"}')
        fd = listener.entrances[-1].connection.fd
        watcher.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        listener.site.live.receive(progress(1, attempt=(number := number + 1)))
        watcher.close()
        other = await listener.connect()
        for _ in range(3):
            await listener.site.receive(progress(1, attempt=(number := number + 1)))
        if listener.entrances[-1].connection.fd == fd:
            said.append(packets(other.recv(1 << 20)))
        other.close()
    return said

"""The socket.io transport of a gateway, and clients that may stop reading."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

from buildfeed.activity import Activity
from buildfeed.board import BuildState
from buildfeed.selection import Selection
from gateway.access.directory import Directory
from gateway.engine.connection import Connection
from gateway.engine.frames import TEXT
from gateway.engine.limits import Limits
from gateway.handover import Handover
from gateway.queries.snapshot import Snapshot
from gateway.queries.snapshot_page import Cursor
from gateway.state.live import Live
from gateway.transports.backlog import Backlog
from gateway.transports.socket_io import SocketIoTransport
from gateway.transports.subscriptions import Subscriptions
from gateway.transports.transport import Newest
from support.client_frames import sent
from support.principals import open_to_all

_PLENTY = 1 << 16


class Pipe(asyncio.Transport):
    """An asyncio transport on a real socket, whose other end reads nothing while it is `held`."""

    def __init__(self) -> None:
        super().__init__()
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.setblocking(False)
        self._taken = b""
        self.connection: Connection | None = None
        self.held = False
        self.waiting = b""
        self.high = 0
        self.ended = False
        self.reads = True

    @property
    def taken(self) -> bytes:
        """All bytes that the other end has read."""
        if not self.held:
            self._taken += self._received()
            while self.waiting:
                self._send_waiting()
                self._taken += self._received()
        return self._taken

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        self.high = high or 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _Options(self._here) if name == "socket" else default

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write(self, data: bytes) -> None:
        self.waiting += data
        self._send_waiting()

    def _send_waiting(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.waiting = self.waiting[self._here.send(self.waiting) :]
        if self.connection and not self.connection.slow and len(self.waiting) > self.high:
            self.connection.paused()
        elif self.connection and self.connection.slow and not self.waiting:
            self.connection.resumed()

    def _received(self) -> bytes:
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while True:
                pieces.append(self._there.recv(_PLENTY))
        return b"".join(pieces)

    def hold(self) -> None:
        """Stop reading, and fill the buffers of the system."""
        if not self.held:
            self._taken = self.taken
            self.held = True
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._here.send(bytes(_PLENTY))

    def release(self) -> None:
        if self.held:
            self._received()
            self.held = False
            self._send_waiting()

    def close(self) -> None:
        self.ended = True

    abort = close


class _Options:
    """A socket without the options of TCP, which a socket pair does not have."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno = sock.fileno

    def setsockopt(self, *_: object) -> None:
        pass


class BeyondTheBoard(Snapshot):
    """Snapshots that always ask the history too, which answers when the test lets it."""

    async def _off_board(self, selection: Selection, _cursor: Cursor) -> list[BuildState]:
        return await self._store.off_board(selection)


class Site:
    """The socket.io transport of a gateway, with all that it needs."""

    def __init__(
        self,
        backlog_bytes: int = 2000,
        frame_seconds: float = 0,
        directory: Directory | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.history = History()
        self.live = Live(lambda event: self.transport.deliver(event), loop.time)  # noqa: PLW0108 - made below
        self.subscriptions = Subscriptions(self.live, BeyondTheBoard(self.live, self.history, 4))
        self.newest = Newest(self.live, self._find, lambda: {"broker": "up", "merged": 0})
        self.directory = directory or open_to_all()
        self.transport = SocketIoTransport(
            self.subscriptions,
            self.newest,
            self.directory,
            Handover(None).new_session,
            backlog_bytes=backlog_bytes,
            frame_seconds=frame_seconds,
            questions_bytes=256 * 1024,
            limits=Limits(),
        )

    async def _find(self, project: str, build: str) -> BuildState | None:
        return self.live.board.get(project, build)

    async def connect(self, auth: object = None) -> "Client":
        client = Client(self)
        client.say("40" + json.dumps(auth if auth is not None else {}))
        await settle()
        return client

    async def receive(self, *activities: Activity) -> None:
        """Receive activities in one turn of the loop."""
        for activity in activities:
            self.live.receive(activity)
        await settle()


class Client:
    def __init__(self, site: Site) -> None:
        self.pipe = Pipe()
        self.connection = self.pipe.connection = site.transport.server.open(self.pipe, b"")
        self.site = site

    @property
    def backlog(self) -> Backlog | None:
        """What waits for it, None while nothing does."""
        return self.site.transport._fan_out._backlogs.get(self.connection)

    def say(self, packet: str) -> None:
        self.connection.received(sent(TEXT, packet.encode()))

    @property
    def packets(self) -> list[str]:
        return packets(self.pipe.taken)

    def events(self, name: str = "build") -> list[dict[str, Any]]:
        said = [json.loads(packet[2:]) for packet in self.packets if packet.startswith("42")]
        return [body for event, body in said if event == name]

    @property
    def picture(self) -> dict[str, tuple[str, int, int]]:
        """The newest state of each build: the last event, as the server folds."""
        return {
            body["build"]: (body["status"], body["attempt"], body["seq"]) for body in self.events()
        }


class History:
    """A history without builds. It answers once `answers` is set, or raises `fault`.

    `asked` counts its queries, `cancelled` those that were cancelled before the answer.
    """

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.fault: Exception | None = None
        self.asked = self.cancelled = 0

    async def off_board(self, _selection: Selection) -> list[BuildState]:
        self.asked += 1
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault:
            raise self.fault
        return []


def packets(data: bytes) -> list[str]:
    """Return the text of each text frame, and the opcode of every other frame."""
    found = []
    while data:
        size, head = data[1], 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, head = int.from_bytes(data[2 : 2 + width]), 2 + width
        payload = data[head : head + size]
        found.append(payload.decode() if data[0] & 0x0F == TEXT else f"{data[0] & 0x0F}")
        data = data[head + size :]
    return found


async def until(condition: Callable[[], object]) -> None:
    """Wait for what a thread does."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)

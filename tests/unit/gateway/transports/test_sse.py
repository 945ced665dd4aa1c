"""Server-Sent Events on a real server in this process, of a live picture on a stage."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from buildfeed.activity import Key
from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.selection import Selection
from buildfeed.topics import Topic
from gateway.http.protocol import Protocol
from gateway.state.event import Event
from gateway.state.live import Live
from gateway.transports import sse
from gateway.transports.sse import SseTransport
from gateway.transports.transport import Newest
from support.builders import ending, error, log, progress, start
from support.principals import AsAnybody
from support.scene import recorded
from support.wired import BeyondTheBoard

WATCH_ALL = b"GET /api/events?watch=builds/%23 HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT = 20_000
FRAME_SECONDS = 0.05
MUCH = "e" * 1000


class History:
    """What is not on the board any more."""

    def __init__(self) -> None:
        self.states: dict[Key, BuildState] = {}
        self.down = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def off_board(self, _selection: Selection) -> list[BuildState]:
        await self.answers.wait()
        return list(self.states.values())

    async def get(self, *key: str) -> BuildState | None:
        await asyncio.sleep(0)
        if self.down:
            raise HistoryUnavailable("gone")
        project, build = key
        return self.states.get((project, build))


class Stage:
    """A live picture and the server of its streams."""

    def __init__(self, port: int) -> None:
        self.history = History()
        self.live = Live(self._send, lambda: 0.0)
        self.events = SseTransport(
            self.live,
            BeyondTheBoard(self.live, self.history, 4),
            Newest(self.live, self._find, lambda: {"broker": "up", "merged": 0}),
            backlog_bytes=LIMIT,
            frame_seconds=FRAME_SECONDS,
            stuck_seconds=10,
        )
        self.port = port
        app = Starlette(routes=self.events.routes(), middleware=[Middleware(AsAnybody)])
        config = uvicorn.Config(app, http=Protocol, port=port, log_config=None, lifespan="off")
        self.server = uvicorn.Server(config)

    async def _find(self, project: str, build: str) -> BuildState | None:
        return self.live.board.get(project, build) or await self.history.get(project, build)

    def _send(self, event: Event) -> None:
        self.events.deliver(event)

    async def watch(self, request: bytes = WATCH_ALL) -> "Watcher":
        reading, writing = await asyncio.open_connection(sock=self.connected(), limit=4096)
        writing.write(request)
        watcher = Watcher(reading, writing)
        await watcher.until("event: feed")
        return watcher

    def connected(self) -> socket.socket:
        """Return a connection that holds little of what is not read."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect(("127.0.0.1", self.port))
        made.setblocking(False)
        return made

    def backlogs(self) -> list[Any]:
        return [stream.backlog for stream in self.events._streams.values()]


class Watcher:
    """One who watches, and reads only when asked to."""

    def __init__(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        self.lines: list[str] = []
        self._reading = reading
        self.close = writing.close
        self.write = writing.write

    async def until(self, text: str) -> None:
        """Read on until a line has `text` in it."""
        async with asyncio.timeout(10):
            while await self._read() and text not in self.lines[-1]:
                pass
        assert text in self.lines[-1], self.lines

    async def until_line(self, text: str) -> None:
        async with asyncio.timeout(10):
            while await self._read() and self.lines[-1] != text:
                pass
        assert self.lines[-1] == text

    async def until_end(self) -> None:
        async with asyncio.timeout(10):
            while await self._read():
                pass

    async def _read(self) -> bool:
        line = await self._reading.readline()
        self.lines.append(line.decode().strip())
        return bool(line)

    @property
    def builds(self) -> list[dict[str, Any]]:
        data = [line.removeprefix("data: ") for line in self.lines if line.startswith("data: ")]
        return [body for body in map(json.loads, data) if "build" in body]

    @property
    def feeds(self) -> list[dict[str, Any]]:
        data = [line.removeprefix("data: ") for line in self.lines if line.startswith("data: ")]
        return [body for body in map(json.loads, data) if "broker" in body]

    @property
    def last_id(self) -> str:
        return [line for line in self.lines if line.startswith("id: ")][-1].removeprefix("id: ")

    @property
    def picture(self) -> dict[str, tuple[str, int]]:
        return {body["build"]: (body["status"], body["seq"]) for body in self.builds}


@pytest.fixture
async def stage(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0.05)
    stage = Stage(free_port())
    serving = asyncio.create_task(stage.server.serve())
    checking = asyncio.create_task(stage.events.run())
    await until(lambda: stage.server.started)
    yield stage
    stage.server.should_exit = True
    await serving
    checking.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - one loop for any condition
            await asyncio.sleep(0.01)


async def test_the_snapshot_comes_first_then_the_feed_then_what_happens(stage: Stage) -> None:
    stage.live.receive(progress(30, build="b2"))
    stage.history.states["acme", "b1"] = recorded(ending(build="b1"))

    watcher = await stage.watch()
    stage.live.receive(progress(40, build="b2"))
    await watcher.until('"progress":40')

    assert [(body["build"], body["progress"]) for body in watcher.builds] == [
        ("b2", 30),
        ("b1", 100),
        ("b2", 40),
    ]
    shown = stage.live.body(stage.live.board.get("acme", "b2"))
    assert watcher.builds[-1] == json.loads(json.dumps(shown))


async def test_every_unfinished_build_comes_and_ended_ones_only_where_there_is_room(
    stage: Stage,
) -> None:
    stage.live.receive(ending(build="c"))
    for number in range(450):
        stage.live.receive(start(f"b{number}"))
    watcher = await stage.watch()
    assert {body["build"] for body in watcher.builds} == {f"b{number}" for number in range(450)}


async def test_who_goes_before_the_snapshot_is_there_is_no_watcher_any_more(stage: Stage) -> None:
    stage.history.answers.clear()
    _, writing = await asyncio.open_connection("127.0.0.1", stage.port)
    writing.write(WATCH_ALL)
    await until(lambda: stage.events.watchers == len(stage.live.hub) == 1)
    writing.close()
    await until(lambda: stage.events.watchers == len(stage.live.hub) == 0)
    assert not stage.history.answers.is_set()


async def test_an_event_is_encoded_once_for_all_watchers(stage: Stage) -> None:
    watchers = [await stage.watch() for _ in range(2)]

    stage.live.receive(progress(30))

    assert len(watchers) == stage.events.watchers == 2
    (first, second) = (backlog.take()[1] for backlog in stage.backlogs())
    assert first is second is not None


async def test_who_is_behind_gets_the_newest_states_and_every_ending(stage: Stage) -> None:
    builds = [f"b{number}" for number in range(60)]
    watcher = await stage.watch()
    for percent in range(1, 41):
        for build in builds:
            stage.live.receive(error(MUCH, percent, build=build))
        await asyncio.sleep(0)
        assert all(backlog.bytes <= LIMIT for backlog in stage.backlogs())
    for build in builds:
        stage.live.receive(ending("failed", build=build))
    stage.live.receive(start("last"))

    await watcher.until('"last"')

    endings = dict.fromkeys(builds, ("failed", 101))
    assert watcher.picture == endings | {"last": ("queued", 0)}
    assert stage.events.merged > 1500
    assert stage.events.sent == len(watcher.builds)


async def test_lines_of_a_log_are_left_out_when_there_is_no_room(stage: Stage) -> None:
    watcher = await stage.watch(WATCH_ALL.replace(b"%23", b"acme/b1/log"))
    for percent in range(500):
        stage.live.receive(log(f"{percent} {MUCH}", percent))
    stage.live.receive(progress(99, build="b2"))
    await asyncio.sleep(0)
    (backlog,) = stage.backlogs()
    assert len(backlog) < 100

    await watcher.until('"content":"0 ')


async def test_what_fell_off_the_board_while_it_waited_comes_from_history(stage: Stage) -> None:
    watcher = await stage.watch()
    stage.history.states["acme", "b1"] = recorded(ending(build="b1"))
    (backlog,) = stage.backlogs()
    backlog.owe(("acme", "b1"))
    stage.live.receive(progress(30, build="b2"))

    await watcher.until('"b2"')

    assert watcher.picture == {"b1": ("succeeded", 101), "b2": ("running", 30)}


async def test_the_stream_ends_when_history_cannot_tell_what_is_owed(stage: Stage) -> None:
    watcher = await stage.watch()
    stage.history.down = True
    (backlog,) = stage.backlogs()
    backlog.owe(("acme", "b1"))
    stage.live.receive(progress(30, build="b2"))

    await watcher.until_line("0")  # the last chunk (RFC 9112 §7.1)

    await until(lambda: not stage.events.watchers)


async def test_a_comment_comes_from_time_to_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "PING_SECONDS", 0.1)
    watcher = await stage.watch()
    for _ in range(2):
        await watcher.until_line(":")


async def test_who_takes_nothing_is_closed_and_forgotten(stage: Stage) -> None:
    stage.events._stuck_seconds = 0.5
    stuck, quick = await stage.watch(), await stage.watch()
    for percent in range(100):
        for build in range(20):
            stage.live.receive(error(MUCH, percent, build=f"b{build}"))
        await quick.until(f'"seq":{percent}')
    await until(lambda: stage.events.stuck)

    with pytest.raises(ConnectionResetError):
        await stuck.until_end()
    await until(lambda: stage.events.watchers == 1)
    assert len(stage.live.hub.watchers(Topic("acme", "b1", "error"))) == 1
    stage.live.receive(ending(build="b1"))
    await quick.until("succeeded")


@pytest.mark.parametrize("further", [b"", WATCH_ALL, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_nothing_is_left_of_who_goes_also_with_requests_that_wait(
    stage: Stage, further: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "PING_SECONDS", 0.1)  # what cannot be sent tells
    watcher = await stage.watch()
    watcher.write(further)
    await asyncio.sleep(0.05)

    watcher.close()

    await until(lambda: not stage.events.watchers)
    assert len(stage.live.hub) == 0


async def test_a_server_that_stops_ends_streams_and_waits_for_no_slow_reader(
    stage: Stage,
) -> None:
    quick, slow = await stage.watch(), await stage.watch()
    for percent in range(100):
        stage.live.receive(error(MUCH, percent))
        await quick.until(f'"seq":{percent}')
    stage.server.should_exit = True

    await quick.until_end()
    with pytest.raises(ConnectionResetError):
        await slow.until_end()
    assert quick.lines[-3:] == ["0", "", ""]
    assert not stage.events.watchers


# --- who comes back


def coming_back(id_: str, watch: bytes = WATCH_ALL) -> bytes:
    return watch.replace(b"\r\n\r\n", f"\r\nLast-Event-ID: {id_}\r\n\r\n".encode())


async def test_who_missed_nothing_gets_no_snapshot(stage: Stage) -> None:
    stage.live.receive(progress(30))
    first = await stage.watch()
    stage.live.receive(progress(40))
    await first.until('"progress":40')
    again = await stage.watch(coming_back(first.last_id))
    assert again.builds == []
    await again.until('"broker"')
    assert again.feeds[0]["resumed"] is True

    stage.live.receive(ending())
    await again.until("succeeded")
    assert again.last_id != first.last_id
    assert (await stage.watch(coming_back(again.last_id))).builds == []


async def test_who_missed_a_change_gets_the_snapshot(stage: Stage) -> None:
    for build in ("b1", "b2"):
        stage.live.receive(progress(30, build=build))
    first = await stage.watch()
    stage.live.receive(ending(build="b1"))
    await first.until("succeeded")
    for change in (
        lambda: stage.live.receive(progress(50, build="b2")),
        lambda: stage.live.heal([recorded(ending(build="b3"))]),
    ):
        change()
        again = await stage.watch(coming_back(first.last_id))
        assert again.picture.keys() >= {"b1", "b2"}
        await again.until('"broker"')
        assert "resumed" not in again.feeds[0]


async def test_a_change_of_others_is_not_missed(stage: Stage) -> None:
    watch = WATCH_ALL.replace(b"%23", b"acme/b1/%23")
    stage.live.receive(progress(30))
    first = await stage.watch(watch)
    stage.live.receive(progress(30, build="b2"))
    assert (await stage.watch(coming_back(first.last_id, watch))).builds == []
    # An id belongs to its filters: with others there may be builds that never came.
    assert len((await stage.watch(coming_back(first.last_id))).builds) == 2


@pytest.mark.parametrize("id_", ["", "7", "another.1f.0", "x" * 5000, "\xff"])
async def test_an_id_that_is_not_known_brings_the_snapshot(stage: Stage, id_: str) -> None:
    stage.live.receive(progress(30))
    assert len((await stage.watch(coming_back(id_))).builds) == 1


async def test_no_id_comes_while_anything_waits(stage: Stage) -> None:
    """Else the reader of a snapshot that is cut off would never get the rest."""
    for number in range(300):
        stage.live.receive(error(MUCH, 50, build=f"b{number}"))
    watcher = await stage.watch()
    ids = [place for place, line in enumerate(watcher.lines) if line.startswith("id: ")]
    assert len([line for line in watcher.lines if line == "event: build"]) == 300
    assert watcher.lines[ids[0] + 1] == "event: feed"


async def test_every_block_has_data(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some readers take each block for an event, and its data for JSON."""
    monkeypatch.setattr(sse, "PING_SECONDS", 0.05)
    stage.live.receive(progress(30))
    watcher = await stage.watch(WATCH_ALL.replace(b"1.1", b"1.0"))
    await watcher.until_line(":")
    stage.live.receive(progress(40))
    await watcher.until('"progress":40')
    body = "\n".join(watcher.lines).partition("\n\n")[2]
    blocks = [block for block in body.split("\n\n") if block.strip()]
    assert all("\ndata: {" in block for block in blocks)
    assert blocks[0].startswith("retry: ")
    assert body.count("retry: ") == 1


async def test_http_1_0_gets_no_chunks_and_the_end_of_the_connection(stage: Stage) -> None:
    stage.live.receive(progress(30))
    watcher = await stage.watch(WATCH_ALL.replace(b"1.1", b"1.0"))
    head = watcher.lines[: watcher.lines.index("")]
    assert "connection: close" in head
    assert not [line for line in head if "transfer-encoding" in line or "content-length" in line]
    assert watcher.lines[len(head) + 1].startswith("retry: ")
    stage.server.should_exit = True
    await watcher.until_end()
    assert watcher.lines[-2:] == ["", ""]

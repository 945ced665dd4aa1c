"""Delivery to watchers that begin as a WebSocket, one of which may take nothing for a while."""

import asyncio
import json
import socket
from typing import Any

import pytest
from builders import accept, ending, log, progress, start
from hypothesis import given
from hypothesis import strategies as st
from test_frames import sent

from buildfeed.activity import Activity
from buildfeed.board import BuildState
from gateway.engine.exchange import Limits
from gateway.engine.frames import CLOSE, TEXT
from gateway.engine.line import Line
from gateway.live import Live
from gateway.snapshot import Snapshot
from gateway.watching import Watching
from gateway.wires import Wires


class Pipe(asyncio.Transport):
    """A transport whose other end takes nothing while it is `held`; `writes` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.line: Line | None = None
        self.held = False
        self.taken = b""
        self.waiting = b""
        self.writes = 0
        self.high = 0
        self.ended = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        self.high = high or 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return socket.socket() if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write(self, data: bytes) -> None:
        self.writes += 1
        if not self.held:
            self.taken += data
            return
        self.waiting += data
        if len(self.waiting) > self.high and self.line and not self.line.slow:
            self.line.paused()

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False
        self.taken += self.waiting
        self.waiting = b""
        if self.line and self.line.slow:
            self.line.resumed()

    def close(self) -> None:
        self.ended = True

    abort = close


class Site:
    """The wires of a gateway, and clients at their other ends."""

    def __init__(self, backlog_bytes: int = 2000) -> None:
        loop = asyncio.get_running_loop()
        self.live = Live(lambda event: self.wires.deliver(event), loop.time)  # noqa: PLW0108 - made below
        self.wires = Wires(
            self.live,
            Watching(self.live, Snapshot(self.live, _NothingElse())),
            self._find,
            lambda: {"broker": "up", "merged": 0},
            backlog_bytes=backlog_bytes,
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
        self.line = self.pipe.line = site.wires.exchange.open(self.pipe, b"")

    def say(self, packet: str) -> None:
        self.line.received(sent(TEXT, packet.encode()))

    @property
    def packets(self) -> list[str]:
        found, data = [], self.pipe.taken
        while data:
            size, head = data[1], 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, head = int.from_bytes(data[2 : 2 + width]), 2 + width
            payload = data[head : head + size]
            found.append(payload.decode() if data[0] & 0x0F == TEXT else f"{data[0] & 0x0F}")
            data = data[head + size :]
        return found

    def events(self, name: str = "build") -> list[dict[str, Any]]:
        said = [json.loads(packet[2:]) for packet in self.packets if packet.startswith("42")]
        return [body for event, body in said if event == name]

    @property
    def picture(self) -> dict[str, tuple[str, int, int]]:
        """The newest of each build: the last word counts, for the server folds."""
        return {
            body["build"]: (body["status"], body["attempt"], body["seq"]) for body in self.events()
        }


class _NothingElse:
    """A history that has no more than the board."""

    async def off_board(self, _filter: object) -> list[BuildState]:
        return []


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@pytest.fixture
async def site() -> Site:
    return Site()


async def test_a_client_shakes_hands_watches_and_hears(site: Site) -> None:
    client = await site.connect()
    client.say('421["watch","builds/acme/#"]')
    await settle()
    await site.receive(start(), accept())

    opened, connected, feed, ack, *events = client.packets
    assert json.loads(opened[1:]) | {"sid": ""} == {
        "sid": "",
        "upgrades": [],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 65536,
    }
    assert connected == f'40{{"sid":"{client.line.sid}"}}'
    assert feed.startswith('42["feed",')
    assert json.loads(ack[3:]) == [{"watching": ["builds/acme/#"], "builds": [], "more": False}]
    assert [json.loads(event[2:])[1]["kind"] for event in events] == ["start", "status"]


async def test_watching_while_connecting_sends_the_snapshot_as_events(site: Site) -> None:
    await site.receive(start("b1"), start("b2", project="other"))
    client = await site.connect({"watch": "builds/acme/#"})
    assert [body["build"] for body in client.events()] == ["b1"]


async def test_what_comes_due_in_one_turn_leaves_in_one_write(site: Site) -> None:
    clients = [await site.connect({"watch": "builds/#"}) for _ in range(3)]
    before = [client.pipe.writes for client in clients]
    await site.receive(start(), accept(), *(progress(n) for n in range(1, 7)))
    assert [client.pipe.writes for client in clients] == [n + 1 for n in before]
    assert all(len(client.events()) == 8 for client in clients)


async def test_each_hears_what_it_watches_though_it_leaves_together(site: Site) -> None:
    acme = await site.connect({"watch": "builds/acme/#"})
    other = await site.connect({"watch": "builds/other/#"})
    await site.receive(start("a"), start("b", project="other"), accept(build="a"))
    assert [body["build"] for body in acme.events()] == ["a", "a"]
    assert [body["build"] for body in other.events()] == ["b"]


async def test_one_that_takes_nothing_is_due_the_newest_only_and_hurts_nobody(site: Site) -> None:
    slow, quick = [await site.connect({"watch": "builds/#"}) for _ in range(2)]
    slow.pipe.hold()
    await site.receive(start(), accept())
    for percent in range(1, 100):
        await site.receive(progress(percent))
    await site.receive(ending())
    assert len(quick.events()) == 102
    assert len(slow.pipe.waiting) < slow.pipe.high + 1000
    slow.pipe.release()
    await settle()
    assert slow.picture == quick.picture == {"b1": ("succeeded", 1, 101)}
    assert site.wires.merged > 50


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["hold", "release"]), st.just("")),
            st.tuples(st.just("say"), st.sampled_from(["b1", "b2", "b3"])),
        ),
        max_size=60,
    ),
    room=st.sampled_from([0, 600, 5000]),
)
def test_whenever_one_takes_nothing_it_ends_with_the_picture_of_the_others(
    steps: list[tuple[str, str]], room: int
) -> None:
    async def play() -> None:
        site = Site(backlog_bytes=room)
        slow, quick = [await site.connect({"watch": "builds/#"}) for _ in range(2)]
        slow.pipe.high = 500
        said = {"b1": 0, "b2": 0, "b3": 0}
        for what, build in steps:
            if what == "hold":
                slow.pipe.hold()
            elif what == "release":
                slow.pipe.release()
            else:
                said[build] += 1
                await site.receive(progress(said[build], build=build))
            if slow.line.backlog is not None:
                assert slow.line.backlog.bytes <= room
        slow.pipe.release()
        await settle()
        assert slow.picture == quick.picture

    asyncio.run(play())


async def test_what_is_new_does_not_overtake_what_still_waits() -> None:
    site = Site(backlog_bytes=1_000_000)
    client = await site.connect({"watch": "builds/#"})
    client.pipe.hold()
    await site.receive(start("first"))
    builds = [f"b{number}" for number in range(1000)]  # more than leave in one piece
    await site.receive(*(start(build) for build in builds))
    client.pipe.release()
    await site.receive(*(accept(build=build) for build in builds))
    await settle()
    await settle()
    seen = client.picture
    del seen["first"]
    assert seen == dict.fromkeys(builds, ("running", 1, 0))


async def test_lines_of_a_log_are_left_out_rather_than_piled_up(site: Site) -> None:
    slow = await site.connect({"watch": "builds/acme/b1/log"})
    slow.pipe.hold()
    for n in range(1, 100):
        await site.receive(log("x" * 2000, n))
    assert slow.line.backlog is not None
    assert slow.line.backlog.bytes <= 2000
    assert slow.line.backlog.left_out > 50


@pytest.mark.parametrize(
    "said",
    ["", "x", "6x", "4", '42["watch"]x', "40", '42["watch"', "45", "451-[]", "2probe", "5"],
)
async def test_a_client_that_talks_nonsense_is_closed(site: Site, said: str) -> None:
    client, other = await site.connect(), await site.connect({"watch": "builds/#"})
    client.say(said)
    await settle()
    assert client.packets[-1] == f"{CLOSE}"
    await site.receive(start())
    assert len(other.events()) == 1


async def test_an_unknown_namespace_is_refused_as_the_protocol_says(site: Site) -> None:
    client = await site.connect()
    client.say("40/admin,")
    assert client.packets[-1] == '44/admin,{"message":"Invalid namespace"}'


async def test_a_bad_filter_refuses_the_connect_and_it_may_try_again(site: Site) -> None:
    client = await site.connect({"watch": "builds/#/x"})
    refusal = json.loads(client.packets[-1].removeprefix("44"))
    assert refusal["data"]["code"] == "invalid-filter"
    client.say("40")
    await settle()
    assert client.packets[-2].startswith('40{"sid"')


async def test_one_that_says_too_much_is_closed(site: Site) -> None:
    client = await site.connect()
    for _ in range(250):
        client.say('42["unwatch","builds/#"]')
    assert client.packets[-1] == f"{CLOSE}"


async def test_who_disconnects_is_forgotten(site: Site) -> None:
    client = await site.connect({"watch": "builds/#"})
    client.say("41")
    assert site.wires.watchers == 0
    assert len(site.live.hub) == 0
    client.say('40{"watch":"builds/#"}')
    await settle()
    assert site.wires.watchers == 1
    site.wires.exchange.lost(client.line)
    assert site.wires.watchers == 0

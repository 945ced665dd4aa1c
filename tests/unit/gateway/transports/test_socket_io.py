"""Delivery to watchers that begin as a WebSocket, one of which may take nothing for a while."""

import asyncio
import json
import os
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.board import BuildState
from gateway.engine.connection import UNSENT_BYTES
from gateway.engine.frames import CLOSE
from gateway.log_limit import LogLimit
from gateway.state import live
from gateway.state.event import FEED, Event
from gateway.state.event_bodies import Body, build_body
from gateway.transports import encoded
from gateway.transports.transport import COMPANY_SECONDS, NEWS_SECONDS
from support.builders import accept, ending, log, progress, start
from support.scene import recorded
from support.wired import Site, settle
from support.workshop import until


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
    assert connected == f'40{{"sid":"{client.connection.sid}"}}'
    assert feed.startswith('42["feed",')
    assert json.loads(ack[3:]) == [{"watching": ["builds/acme/#"], "builds": [], "more": False}]
    assert [json.loads(event[2:])[1]["kind"] for event in events] == ["start", "status"]


async def test_watching_while_connecting_sends_the_snapshot_as_events(site: Site) -> None:
    await site.receive(start("b1"), start("b2", project="other"))
    client = await site.connect({"watch": "builds/acme/#"})
    assert [body["build"] for body in client.events()] == ["b1"]


async def test_a_large_snapshot_is_asked_for_page_by_page(site: Site) -> None:
    names = [f"b{number:03}" for number in reversed(range(450))]
    await site.receive(*map(start, names))
    client = await site.connect()
    client.say('421["watch","builds/#"]')
    await settle()
    sizes, shown = [], []
    answer = json.loads(client.packets[-1][3:])[0]
    while answer["more"]:
        asked = json.dumps(["watch", ["builds/#"], {"after": answer["after"]}])
        client.say(f"421{asked}")
        await settle()
        sizes.append(len(answer["builds"]))
        shown += answer["builds"]
        answer = json.loads(client.packets[-1][3:])[0]
    shown += answer["builds"]
    assert sizes == [200, 200]
    assert [body["build"] for body in shown] == names
    assert answer.keys() == {"watching", "builds", "more"}


async def test_a_page_subscribes_to_nothing(site: Site) -> None:
    await site.receive(*(start(f"b{number}") for number in range(9)))
    client = await site.connect({"watch": "builds/acme/b1/#"})
    client.say('421["watch","builds/#",{"after":"unfinished.b3.acme"}]')
    await settle()
    answer = json.loads(client.packets[-1][3:])[0]
    assert [body["build"] for body in answer["builds"]] == ["b2", "b1", "b0"]
    assert answer["watching"] == ["builds/acme/b1/#"]
    client.say('421["watch","builds/acme/b2/#",{"after":null}]')
    await settle()
    assert len(json.loads(client.packets[-1][3:])[0]["watching"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('"builds/#",{"after":"b1"}', "invalid-after"),
        ('"builds/#",{"after":5}', "invalid-after"),
        ('"builds/#",{"behind":"ended"}', "invalid-after"),
        ('"builds/#","builds/acme/#"', "invalid-filter"),
        ('"builds/#","builds/acme/#",{"after":"ended"}', "invalid-filter"),
        ('{"after":"ended"}', "invalid-filter"),
        ('"x",{"after":"ended"}', "invalid-filter"),
        ("{}", "invalid-filter"),
        ("", "invalid-filter"),
    ],
)
async def test_a_page_that_nobody_can_have_been_given_is_refused(
    site: Site, arguments: str, code: str
) -> None:
    client = await site.connect()
    client.say(f'421["watch"{"," if arguments else ""}{arguments}]')
    await settle()
    assert json.loads(client.packets[-1][3:])[0]["error"]["code"] == code
    assert len(site.live.hub) == 0


async def test_every_unfinished_build_comes_to_who_watches_while_connecting(site: Site) -> None:
    await site.receive(ending(build="c"), *(start(f"b{number}") for number in range(450)))
    client = await site.connect({"watch": "builds/#"})
    for _ in range(50):
        await settle()
    assert len(client.picture) == 450
    assert client.backlog is None


@pytest.mark.parametrize("turns", range(6))
async def test_no_event_overtakes_the_snapshot_that_is_older(site: Site, turns: int) -> None:
    site.history.answers.clear()
    await site.receive(accept())
    client = await site.connect()
    client.say('421["watch","builds/#"]')
    await settle()
    site.history.answers.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    site.live.receive(progress(1))
    await settle()
    shown = []
    for packet in client.packets:
        if packet.startswith("431"):
            shown += [body["seq"] for body in json.loads(packet[3:])[0]["builds"]]
        elif packet.startswith('42["build"'):
            shown.append(json.loads(packet[2:])[1]["seq"])
    assert shown in ([0, 1], [1, 1])


@pytest.mark.parametrize("auth", [None, {"watch": None}, {"watch": []}])
async def test_null_is_absence_in_what_is_asked(site: Site, auth: object) -> None:
    await site.receive(start())
    client = await site.connect(auth)
    assert client.events() == []
    for asked in (
        '1["watch","builds/acme/#",null]',
        '2["watch",null]',
        '3["unwatch",["builds/acme/#"]]',
    ):
        client.say(f"42{asked}")
        await settle()
    watching, refused, left = (json.loads(packet[3:])[0] for packet in client.packets[-3:])
    assert watching["watching"] == ["builds/acme/#"]
    assert refused["error"]["code"] == "invalid-filter"
    assert left == {"watching": []}


async def test_what_comes_due_in_one_turn_leaves_in_one_write(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [await site.connect({"watch": "builds/#"}) for _ in range(3)]
    writes: list[int] = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, text: writes.append(fd) or write(fd, text))
    await site.receive(start(), accept(), *(progress(n) for n in range(1, 7)))
    assert sorted(writes) == sorted(client.connection.fd for client in clients)
    assert all(len(client.events()) == 8 for client in clients)


@pytest.mark.parametrize("others", [0, 1])
async def test_an_event_without_a_body_costs_no_other_event(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, others: int
) -> None:
    def body(state: BuildState, kind: str, **facts: Any) -> Body:
        if state.newest.object.build == "bad":
            raise OverflowError
        return build_body(state, kind, **facts)

    client = await site.connect({"watch": "builds/#"})
    monkeypatch.setattr(live, "build_body", body)
    monkeypatch.setattr(encoded, "_LOGGED", LogLimit(20))
    await site.receive(start("bad"), accept(build="bad"), *map(start, ["a", "b"][:others]))
    site.live.heal([recorded(ending(build="bad")), recorded(start("c"))])
    await settle()
    assert [body["build"] for body in client.events()] == [*["a", "b"][:others], "c"]
    assert [record.msg for record in caplog.records] == ["gateway.event_failed"]


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
    assert site.transport.merged > 50


async def test_of_much_that_comes_due_in_one_turn_little_waits_outside_the_backlog() -> None:
    site = Site(backlog_bytes=1 << 20)
    slow, quick = [await site.connect({"watch": "builds/#"}) for _ in range(2)]
    builds = [f"b{number}" for number in range(1000)]
    slow.pipe.hold()
    await site.receive(*map(start, builds))
    assert len(slow.pipe.waiting) <= UNSENT_BYTES
    slow.pipe.release()
    for client in (slow, quick):
        async with asyncio.timeout(10):
            while b'"b999"' not in client.pipe.taken:
                await settle()
        assert [body["build"] for body in client.events()] == builds


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
            if slow.backlog is not None:
                assert slow.backlog.bytes <= room
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
    while len(seen := client.picture) < 1001:
        await settle()
    del seen["first"]
    assert seen == dict.fromkeys(builds, ("running", 1, 0))


async def test_lines_of_a_log_are_left_out_rather_than_piled_up(site: Site) -> None:
    slow = await site.connect({"watch": "builds/acme/b1/log"})
    slow.pipe.hold()
    for n in range(1, 100):
        await site.receive(log("x" * 2000, n))
    assert slow.backlog is not None
    assert slow.backlog.bytes <= 2000
    assert len(slow.backlog) < 50


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
    assert site.transport.watchers == 0
    assert len(site.live.hub) == 0
    client.say('40{"watch":"builds/#"}')
    await settle()
    assert site.transport.watchers == 1
    site.transport.server.lost(client.connection)
    assert site.transport.watchers == 0


def feed(*, passing: bool) -> Event:
    return Event(FEED, lambda: {"broker": "up"}, watchers=None, passing=passing)


async def test_a_feed_without_news_leaves_with_the_next_event_in_one_write() -> None:
    site = Site(frame_seconds=0.04)
    client = await site.connect({"watch": "builds/#"})
    await asyncio.sleep(0.06)  # the frame of the greeting
    seen = len(client.packets)
    site.transport.deliver(feed(passing=True))
    await settle()
    assert len(client.packets) == seen
    await site.receive(start("b1"))
    assert [json.loads(packet[2:])[0] for packet in client.packets[seen:]] == ["build", "feed"]
    await until(lambda: site.transport._fan_out._held is None)
    assert len(client.packets) == seen + 2


async def test_a_feed_without_news_leaves_alone_when_nothing_else_happens() -> None:
    site = Site()
    client = await site.connect()
    seen = len(client.events("feed"))
    site.transport.deliver(feed(passing=True))
    site.transport.deliver(feed(passing=True))
    await until(lambda: len(client.events("feed")) > seen)
    await asyncio.sleep(COMPANY_SECONDS)
    assert len(client.events("feed")) == seen + 1


async def test_news_in_a_feed_are_told_soon_also_where_one_without_waits() -> None:
    site = Site()
    client = await site.connect()
    seen = len(client.events("feed"))
    site.transport.deliver(feed(passing=True))
    site.transport.deliver(feed(passing=False))
    sent = time.monotonic()
    await until(lambda: len(client.events("feed")) > seen)
    assert time.monotonic() - sent < (NEWS_SECONDS + COMPANY_SECONDS) / 2
    await asyncio.sleep(COMPANY_SECONDS)
    assert len(client.events("feed")) == seen + 1


async def test_an_event_alone_leaves_at_once_and_the_next_at_the_end_of_its_frame() -> None:
    site = Site(frame_seconds=5)
    client = await site.connect({"watch": "builds/#"})
    await site.receive(start("b1"))
    await site.receive(start("b2"))
    assert [body["build"] for body in client.events()] == ["b1"]


async def test_an_event_does_not_wait_for_the_frame_of_a_feed_with_news() -> None:
    site = Site(frame_seconds=0.04)
    client = await site.connect({"watch": "builds/#"})
    await asyncio.sleep(0.06)  # the frame of the greeting
    seen = len(client.packets)
    site.transport.deliver(feed(passing=False))
    await settle()
    await site.receive(start("b1"))
    assert [json.loads(packet[2:])[0] for packet in client.packets[seen:]] == ["build", "feed"]


async def test_each_hears_once_how_many_states_were_merged_for_it() -> None:
    site = Site()
    slow, quick = [await site.connect({"watch": "builds/#"}) for _ in range(2)]
    slow.pipe.hold()
    await site.receive(start(), accept(), *map(progress, range(1, 100)))
    slow.pipe.release()
    await settle()
    before = [len(client.events("feed")) for client in (slow, quick)]
    site.transport.deliver(feed(passing=False))
    await until(lambda: len(quick.events("feed")) > before[1])
    await settle()

    feeds = [client.events("feed") for client in (slow, quick)]
    assert [len(each) for each in feeds] == [count + 1 for count in before]
    assert feeds[0][-1]["merged"] == site.transport.merged > 0
    assert "merged" not in feeds[1][-1]  # the event itself, shared by all for whom none was

"""A watcher is in the hub only while its connection is, whatever else of it is under way."""

import json

import pytest

from gateway.engine import frames
from gateway.engine.frames import CLOSE
from support.builders import accept, progress, start
from support.principals import ANYBODY
from support.wired import Client, Site, settle

WATCH = '40{"watch":"builds/#"}'


@pytest.fixture
async def site() -> Site:
    return Site()


def nobody_is_there(site: Site) -> bool:
    return not (site.transport.watchers or len(site.live.hub) or site.subscriptions._here)


@pytest.mark.parametrize("leave", ["41", "drop", "close", "nonsense"])
@pytest.mark.parametrize("ask", [[WATCH], ["40", '420["watch","builds/#"]']])
async def test_who_leaves_before_the_snapshot_is_there_is_no_watcher(
    site: Site, ask: list[str], leave: str
) -> None:
    site.history.answers.clear()
    await site.receive(start())
    client = Client(site)
    for packet in ask:
        client.say(packet)
    await settle()
    assert site.transport.watchers == len(site.live.hub) == 1
    match leave:
        case "41":
            client.say("41")
        case "drop":
            site.transport.server.lost(client.connection)
        case "close":
            client.connection.close(frames.RESTART, "service restart")
        case "nonsense":
            client.say("4x")
    assert nobody_is_there(site)
    await settle()
    assert site.history.asked == site.history.cancelled == 1
    site.history.answers.set()
    await settle()
    assert nobody_is_there(site)
    assert client.backlog is None
    assert client.events() == []


async def test_what_the_last_connect_asked_for_is_not_of_the_next(site: Site) -> None:
    await site.receive(start())
    client = Client(site)
    for packet in (WATCH, '42["watch","builds/acme/#"]', "41", "40"):
        client.say(packet)
    await settle()
    await site.receive(accept())
    assert site.transport.watchers == 1
    assert len(site.live.hub) == 0
    assert client.events() == []


async def test_what_waits_for_the_last_connect_is_not_of_the_next(site: Site) -> None:
    client = await site.connect({"watch": "builds/#"})
    client.pipe.hold()
    await site.receive(start(), accept(), progress(1))
    await site.receive(progress(2))
    client.say("41")
    client.say("40")
    client.pipe.release()
    await settle()
    assert client.picture.get("b1") != ("running", 1, 2)
    assert client.backlog is None


async def test_what_comes_due_in_the_turn_of_a_new_connect_is_not_its_own(site: Site) -> None:
    client, other = [await site.connect({"watch": "builds/#"}) for _ in range(2)]
    site.live.receive(start())
    client.say("41")
    client.say("40")
    await settle()
    assert client.events() == []
    assert [body["build"] for body in other.events()] == ["b1"]


async def test_each_connect_has_an_id_of_its_own(site: Site) -> None:
    client = Client(site)
    for packet in ("40", "41", "40"):
        client.say(packet)
    opened, *answers = [
        packet for packet in client.packets if packet[0] == "0" or packet[:2] == "40"
    ]
    sids = {json.loads(opened[1:])["sid"], *(json.loads(each[2:])["sid"] for each in answers)}
    assert len(sids) == 3


async def test_a_fault_leaves_nobody_half_in(site: Site) -> None:
    site.history.fault = ZeroDivisionError()
    for ask in ([WATCH], ["40", '420["watch","builds/#"]']):
        client = Client(site)
        for packet in ask:
            client.say(packet)
        await settle()
        assert client.packets[-1] == f"{CLOSE}"
        assert nobody_is_there(site)


@pytest.mark.parametrize("auth", ['{"watch":"x"}', '{"watch":["builds/#",1]}', '{"watch":{}}'])
async def test_who_is_refused_is_not_there(site: Site, auth: str) -> None:
    client = Client(site)
    client.say(f"40{auth}")
    await settle()
    assert client.packets[-1].startswith("44")
    assert nobody_is_there(site)


async def test_leaving_twice_and_asking_afterwards_change_nothing(site: Site) -> None:
    subscriptions = site.subscriptions
    filters = subscriptions.enter("a", {"watch": "builds/#"}, ANYBODY)
    subscriptions.leave("a")
    subscriptions.leave("a")
    assert await subscriptions.join("a", filters) == []
    assert await subscriptions.watch("a", ["builds/#"]) == {
        "watching": [],
        "builds": [],
        "more": False,
    }
    assert subscriptions.unwatch("a", ["builds/#"]) == {"watching": []}
    assert nobody_is_there(site)

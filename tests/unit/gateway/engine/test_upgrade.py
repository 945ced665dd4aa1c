"""How clients that poll upgrade to a WebSocket, and how they do not."""

import json

import pytest

from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.engine.connection import UNSENT_BYTES
from gateway.engine.frames import CLOSE, TEXT
from gateway.engine.upgrade import Upgrade
from support.builders import accept, start
from support.client_frames import sent
from support.pollers import Poller, Upgrading
from support.wired import Pipe, Site, settle

WATCH = '40{"watch":"builds/#"}'


@pytest.fixture
async def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> Poller:
    return Poller(site)


async def test_an_upgraded_client_hears_what_waited_and_all_that_follows(
    site: Site, client: Poller
) -> None:
    await client.say(WATCH)
    await client.listen()
    websocket = Upgrading(client)
    websocket.say("2probe")
    await settle()
    assert client.connection.polling
    assert not client.connection.polling.waits, "the poll is let go"
    await site.receive(start())
    assert websocket.heard == ["3probe"]

    websocket.say("5")
    websocket.pipe.connection = client.connection
    await site.receive(accept())

    told = [json.loads(text[2:])[1]["kind"] for text in websocket.heard[1:]]
    assert told == ["start", "status"]
    assert client.connection.ready
    assert site.transport.server.polling(client.session) is None


async def test_what_a_client_says_right_behind_its_upgrade_counts(
    site: Site, client: Poller
) -> None:
    await client.say("40")
    websocket = Upgrading(client)
    said = [sent(TEXT, text.encode()) for text in ("2probe", "5", '421["watch","builds/#"]')]
    websocket.upgrade.received(b"".join(said))
    await settle()
    await site.receive(start())
    assert '"kind":"start"' in websocket.heard[-1]


async def test_a_websocket_that_breaks_off_before_changes_nothing(
    site: Site, client: Poller
) -> None:
    await client.say(WATCH)
    first = Upgrading(client)
    first.say("2probe")
    first.upgrade.lost()
    await site.receive(start())
    assert [body["kind"] for body in await client.listen()] == ["start"]

    second = Upgrading(client)
    second.say("2probe")
    second.say("5")
    assert client.connection.ready


@pytest.mark.parametrize("said", [["5"], ["2probe", "2probe"], ["4hello"], ["2"]])
async def test_what_is_no_upgrade_is_closed(client: Poller, said: list[str]) -> None:
    websocket = Upgrading(client)
    for each in said:
        websocket.say(each)
    assert websocket.heard[-1] == f"{CLOSE}"
    assert websocket.pipe.ended
    assert client.connection.polling


async def test_two_websockets_cannot_upgrade_one_session(client: Poller) -> None:
    first, second = Upgrading(client), Upgrading(client)
    first.say("2probe")
    second.say("2probe")
    assert second.pipe.ended
    first.say("5")
    assert client.connection.polling is None


async def test_a_session_that_has_upgraded_polls_no_more(site: Site, client: Poller) -> None:
    server = site.transport.server
    server.admission = clients = Clients(Proxies([]), 1, 0)
    upgrading = Poller(site)
    assert clients.open == 1
    upgrade = Upgrade(upgrading.connection, Pipe(), 1000)
    upgrade.received(sent(TEXT, b"2probe"))
    upgrade.received(sent(TEXT, b"5"))
    assert upgrade.done
    assert clients.open == 0
    assert not client.gone


async def test_one_that_takes_nothing_while_it_upgrades_is_slow(site: Site, client: Poller) -> None:
    await site.receive(*(start(f"b{number:03}") for number in range(100)))
    await client.say("40", '421["watch","builds/#"]')
    websocket = Upgrading(client)
    websocket.say("2probe")
    await client.poll()
    await client.poll()
    await client.say('422["watch","builds/#"]')
    websocket.pipe.hold()
    websocket.say("5")
    assert client.connection.waiting > UNSENT_BYTES
    assert client.connection.slow
    assert not client.connection.ready
    assert client.connection in site.transport.server._slow

    websocket.pipe.connection = client.connection
    await site.receive(accept(build="b001"))
    websocket.pipe.release()
    await settle()
    assert [text[:3] for text in websocket.heard if text[:2] != "40"] == ["3pr", "432", "42["]
    assert json.loads(websocket.heard[-1][2:])[1]["kind"] == "status"
    assert client.connection.ready


async def test_a_session_that_has_ended_does_not_upgrade(site: Site, client: Poller) -> None:
    websocket = Upgrading(client)
    websocket.say("2probe")
    await client.say("1")
    said = sent(TEXT, b"5") + sent(TEXT, WATCH.encode())
    websocket.upgrade.received(said)
    assert websocket.pipe.ended
    assert client.gone


async def test_what_comes_behind_a_goodbye_is_nobody(site: Site, client: Poller) -> None:
    websocket = Upgrading(client)
    said = [sent(TEXT, text) for text in (b"2probe", b"5", b"1", WATCH.encode())]
    websocket.upgrade.received(b"".join(said))
    await settle()
    assert websocket.pipe.ended
    assert not site.transport.watchers


async def test_another_websocket_does_not_undo_a_probe(client: Poller) -> None:
    first, second = Upgrading(client), Upgrading(client)
    first.say("2probe")
    second.say("5")
    second.upgrade.lost()
    first.say("5")
    assert client.connection.polling is None


async def test_a_websocket_that_does_not_upgrade_in_time_is_closed(client: Poller) -> None:
    late, done = Upgrading(client), Upgrading(client)
    done.say("2probe")
    done.say("5")
    for each in (late, done):
        each.upgrade.late()
    assert late.pipe.ended
    assert not done.pipe.ended


async def test_nothing_is_kept_of_one_that_is_gone(site: Site, client: Poller) -> None:
    half = sent(TEXT, b"4" * 1000)[:900]
    upgrading = Upgrading(client)
    upgrading.upgrade.received(half)
    upgrading.upgrade.lost()
    assert not upgrading.upgrade._frames._unread
    connected = await site.connect()
    connected.connection.received(sent(TEXT, b"4" * 1000, fin=False) + half)
    site.transport.server.lost(connected.connection)
    assert not connected.connection._frames._unread + connected.connection._frames._kept

"""Clients that poll: what waits for the next poll, how they leave, and how they upgrade."""

import json
from typing import Any

import pytest

from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.engine import packets
from gateway.engine.connection import MESSAGE_BURST, Connection
from gateway.engine.frames import CLOSE, TEXT
from gateway.engine.polling import MOST_PACKETS
from gateway.engine.upgrade import Upgrade
from gateway.problems import Problem
from gateway.transports.polling import take
from support.builders import accept, ending, progress, start
from support.client_frames import sent
from support.wired import Pipe, Site, settle
from support.wired import packets as frames_in

WATCH = '40{"watch":"builds/#"}'


class Poller:
    """A client that polls."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.session: str = json.loads(site.transport.server.open_polling()[1:])["sid"]
        self.heard: list[str] = []
        connection = site.transport.server.polling(self.session)
        assert connection
        self.connection: Connection = connection

    async def say(self, *said: str) -> None:
        take(self.connection, "\x1e".join(said).encode())
        await settle()

    async def poll(self) -> list[str]:
        """Poll; return what came, nothing when there is nothing yet."""
        answers: list[bytes] = []
        if self.connection.polling and not self.connection.polling.waits:
            self.connection.polling.poll(answers.append)
        await settle()
        came = [packet for answer in answers for packet in answer.decode().split("\x1e")]
        self.heard += came
        return came

    async def listen(self) -> list[dict[str, Any]]:
        """Poll until nothing comes; return the builds of all events that came since the connect."""
        while await self.poll():
            pass
        said = [json.loads(text[2:]) for text in self.heard if text.startswith("42")]
        return [body for name, body in said if name == "build"]

    @property
    def gone(self) -> bool:
        transport, hub = self.site.transport, self.site.live.hub
        left = transport.watchers or len(hub) or transport._fan_out._backlogs.behind
        return transport.server.polling(self.session) is None and not left


@pytest.fixture
async def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> Poller:
    return Poller(site)


async def test_a_client_connects_watches_and_hears(site: Site, client: Poller) -> None:
    await site.receive(start("b1"))
    await client.say("40", '421["watch","builds/acme/#"]')

    connected, feed, ack = await client.poll()
    assert connected == f'40{{"sid":"{client.connection.sid}"}}'
    assert feed.startswith('42["feed",')
    assert [body["build"] for body in json.loads(ack[3:])[0]["builds"]] == ["b1"]
    await site.receive(accept())
    assert (await client.listen())[-1]["status"] == "running"


async def test_a_poll_that_waits_is_answered_with_all_of_one_turn(
    site: Site, client: Poller
) -> None:
    await client.say(WATCH)
    await client.listen()
    assert client.connection.polling
    assert client.connection.polling.waits

    await site.receive(start("b1"), start("b2"))

    assert not client.connection.polling.waits


async def test_states_that_no_poll_fetched_are_merged(site: Site, client: Poller) -> None:
    await client.say(WATCH)
    await client.poll()
    await site.receive(start(), accept(), *map(progress, range(1, 50)))
    await site.receive(ending())

    told = await client.listen()

    assert [body["kind"] for body in told] == ["start", "status", "progress", "status"]
    assert [body["seq"] for body in told] == [0, 0, 49, 101]
    assert site.transport.merged == 48


async def test_a_payload_has_no_more_packets_than_clients_take(site: Site, client: Poller) -> None:
    await client.say(WATCH)
    await site.receive(*(start(f"b{number:03}") for number in range(100)))
    sizes = []
    while came := await client.poll():
        sizes.append(len(came))
    assert max(sizes) <= MOST_PACKETS
    assert len(await client.listen()) == 100


@pytest.mark.parametrize(
    "said", [[WATCH], ["40", '422["watch","builds/#"]']], ids=["connecting", "watching"]
)
@pytest.mark.parametrize("goodbye", ["41", "1"])
async def test_who_leaves_before_the_snapshot_is_there_is_no_watcher(
    site: Site, client: Poller, said: list[str], goodbye: str
) -> None:
    site.history.answers.clear()
    await site.receive(start())
    await client.say(*said)
    assert site.transport.watchers == len(site.live.hub) == 1
    await client.say(goodbye)
    site.history.answers.set()
    await settle()
    if goodbye == "41":
        await client.say("1")
    assert client.gone


async def test_a_fault_leaves_nobody_half_in(site: Site, client: Poller) -> None:
    site.history.fault = ZeroDivisionError()
    await client.say(WATCH)
    assert client.gone


@pytest.mark.parametrize("said", ["abc", "4", "44", '42["watch"]', "5", "2probe", "b????"])
async def test_a_packet_out_of_place_ends_the_session(
    site: Site, client: Poller, said: str
) -> None:
    with pytest.raises(Problem) as found:
        await client.say(said)
    assert found.value.slug == "bad-packet"
    assert client.gone


async def test_too_many_packets_end_the_session(client: Poller) -> None:
    await client.say("40")
    for _ in range(MESSAGE_BURST):
        await client.say("3")
    assert client.gone


async def test_a_session_ends_without_a_packet_that_would_keep_clients_away(
    site: Site, client: Poller
) -> None:
    await client.say(WATCH)
    await client.poll()
    answers: list[bytes] = []
    assert client.connection.polling
    client.connection.polling.poll(answers.append)
    client.connection.close(1000)
    assert answers == [packets.NOOP]
    assert client.gone


class Upgrading:
    """The WebSocket of a client that upgrades."""

    def __init__(self, client: Poller) -> None:
        self.pipe = Pipe()
        upgrade = client.site.transport.server.upgrade(client.session, self.pipe)
        assert upgrade
        self.upgrade: Upgrade = upgrade

    def say(self, packet: str) -> None:
        self.upgrade.received(sent(TEXT, packet.encode()))

    @property
    def heard(self) -> list[str]:
        return frames_in(self.pipe.taken)


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


async def test_sessions_are_limited_until_they_end(site: Site) -> None:
    server = site.transport.server
    server.admission = clients = Clients(Proxies([]), 100, 2)
    opened = [server.open_polling("198.51.100.7") for _ in range(2)]
    with pytest.raises(Problem) as refused:
        server.open_polling("198.51.100.7")
    assert refused.value.slug == "too-many-connections"
    server.open_polling("198.51.100.8")
    assert (clients.open, clients.refused) == (3, {"total": 0, "address": 1})
    connection = server.polling(json.loads(opened[0][1:])["sid"])
    assert connection
    connection.packet(packets.ENGINE_CLOSE)
    server.open_polling("198.51.100.7")


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

"""Clients that poll: what waits for the next poll, how they leave, and how they upgrade."""

import json
from typing import Any

import pytest

from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.engine import packets
from gateway.engine.connection import UNSENT_BYTES
from gateway.engine.limits import Limits
from gateway.engine.polling import MOST_PACKETS
from gateway.problems import Problem
from gateway.transports.polling import PollingRequests
from support.builders import accept, ending, progress, start
from support.pollers import Poller
from support.wired import Site, settle

WATCH = '40{"watch":"builds/#"}'
BURST = Limits().message_burst


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


async def test_of_a_body_that_ends_early_nothing_is_taken(site: Site, client: Poller) -> None:
    came = iter(
        [
            {"type": "http.request", "body": WATCH.encode() + b"\x1e4", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    query = f"EIO=4&transport=polling&sid={client.session}".encode()

    async def receive() -> dict[str, Any]:
        return next(came)

    async def send(_message: Any) -> None:
        raise AssertionError("nobody is there any more")

    scope = {"type": "http", "method": "POST", "query_string": query, "headers": []}
    with pytest.raises(Problem):
        await PollingRequests(site.transport.server)(scope, receive, send)
    await client.say(WATCH)
    assert (await client.poll())[0].startswith('40{"sid":')


async def test_too_many_packets_end_the_session(site: Site, client: Poller) -> None:
    site.transport.server.now = lambda: 0.0  # else a slow test earns more
    await client.say("40")
    for _ in range(BURST - 1):
        await client.say("3")
    await refused(client, "3", "more than 20 messages a second")
    assert site.transport.server.limited["messages-per-second"] == 1


async def refused(client: Poller, said: str, reason: str) -> None:
    with pytest.raises(Problem, match=reason) as found:
        await client.say(said)
    assert (found.value.status, found.value.slug) == (429, "too-many-messages")
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


async def test_answers_that_nobody_fetches_do_not_pile_up(site: Site, client: Poller) -> None:
    watching = [f"builds/{'p' * 60}{number:03}/{'b' * 60}/log" for number in range(100)]
    site.transport.server.now = lambda: 0.0
    await client.say("40" + json.dumps({"watch": watching}))
    waiting = 0
    for _ in range(BURST - 1):
        waiting = max(waiting, client.connection.waiting)
        await client.say('421["unwatch",[]]')
    await refused(client, '421["unwatch",[]]', "messages a second")
    assert waiting < UNSENT_BYTES + 2 * len(json.dumps(watching))


async def test_questions_behind_answers_that_nobody_fetches_end_the_session(
    site: Site, client: Poller
) -> None:
    await site.receive(*(start(f"b{number:03}") for number in range(150)))
    await client.say("40", '421["watch","builds/#"]')
    for _ in range(26):
        await client.say(f'422["watch","{"x" * 10_000}"]')
    await refused(client, f'422["watch","{"x" * 10_000}"]', "too many questions wait")
    assert site.transport.server.limited["questions-kib"] == 1
    assert not site.transport._questions


async def test_who_says_more_while_much_is_not_fetched_is_ended(site: Site, client: Poller) -> None:
    await client.say("40")
    client.connection.polling.put([b"x" * 256 * 1024, b"x"])
    await refused(client, "3", "its answers are not fetched")
    assert site.transport.server.limited["unfetched-kib"] == 1


async def test_a_pong_counts_once_its_ping_is_fetched(site: Site, client: Poller) -> None:
    await client.say(WATCH)
    await client.listen()
    site.transport.server._ping(client.connection)
    await client.say("3")
    assert not client.connection.answered
    await client.poll()
    await client.say("3")
    assert client.connection.answered

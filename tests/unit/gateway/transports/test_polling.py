"""Watchers that poll: a session that is over, or a fault of ours, leaves nobody behind."""

import asyncio

import pytest
from engineio.async_socket import AsyncSocket

from gateway.state.event import Event
from gateway.transports.polling import PollingTransport
from support.builders import start
from support.wired import Site, settle

SESSION = "a session"
WATCH = '0{"watch":"builds/#"}'


class Polled(Site):
    """A gateway with one session of Engine.IO that polls."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets = PollingTransport(
            self.subscriptions, self.newest, backlog_bytes=2000, polling=True
        )
        self.server = self.sockets.server
        self.below = self.server.eio.sockets[SESSION] = AsyncSocket(self.server.eio, SESSION)
        self.below.connected = True
        self.below.last_ping = None

    async def say(self, *packets: str) -> None:
        await self.server._handle_eio_connect(SESSION, {})
        for packet in packets:
            await self.server._handle_eio_message(SESSION, packet)
        await settle()

    @property
    def there(self) -> set[object]:
        """How many there are, by whoever counts them."""
        manager = self.server.manager
        known = manager.rooms.get("/", {}).get(None, {})
        counted = [self.subscriptions._here, self.live.hub, known, manager.pending_connect]
        return {self.sockets.watchers, *map(len, counted)}


@pytest.fixture
async def site() -> Polled:
    return Polled()


async def test_who_connects_when_the_session_timed_out_is_not_there(site: Polled) -> None:
    site.below.last_ping = 1.0  # unanswered since 1970
    await site.say(WATCH)
    assert site.there == {0}


async def test_who_connects_after_the_session_ended_is_not_there(site: Polled) -> None:
    await site.below.close(wait=False)
    await site.say(WATCH, WATCH)
    assert site.there == {0}


@pytest.mark.parametrize("packets", [[WATCH], ["0", '2["watch","builds/#"]']])
@pytest.mark.parametrize("ends", [False, True])
async def test_who_leaves_before_the_snapshot_is_there_is_no_watcher(
    site: Polled, packets: list[str], *, ends: bool
) -> None:
    site.history.answers.clear()
    await site.receive(start())
    await site.say(*packets)
    assert site.sockets.watchers == len(site.live.hub) == 1
    if ends:
        await site.below.close(wait=False)
    else:
        await site.say("1")
    site.history.answers.set()
    await settle()
    assert site.there == {0}
    assert not site.sockets._backlogs.behind


@pytest.mark.parametrize("packets", [[WATCH], ["0", '2["watch","builds/#"]']])
async def test_a_fault_leaves_nobody_half_in(site: Polled, packets: list[str]) -> None:
    site.history.fault = ZeroDivisionError()
    await site.say(*packets)
    assert site.there == {0}


async def test_who_is_behind_and_leaves_has_no_backlog(site: Polled) -> None:
    await site.say(WATCH)
    (sid,) = site.sockets._sids
    event = Event("build", {"build": "b1"}, frozenset([sid]), ("acme", "b1"))
    async with asyncio.timeout(5):
        while not site.sockets._put_off(sid, event):
            await site.server.emit("build", event.body, to=sid)
    assert site.sockets._backlogs.behind
    await site.say("1")
    assert site.sockets._put_off(sid, event)
    assert not site.sockets._backlogs.behind


async def test_nothing_overtakes_the_last_of_what_waited(site: Polled) -> None:
    await site.say(WATCH)
    (sid,) = site.sockets._sids
    site.sockets._backlogs.of(sid)  # empty: its last state is being looked up

    event = Event("build", {"build": "b1"}, frozenset([sid]), ("acme", "b1"))
    assert site.sockets._put_off(sid, event)

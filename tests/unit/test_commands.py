"""Starts with a key, asked of two gateway processes on one history and one broker."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest
from scene import Scene

from buildfeed.activity import Activity
from buildfeed.errors import BrokerUnavailable
from gateway import commands
from gateway.commands import Commands
from gateway.drain import Drain
from gateway.problems import Problem
from gateway.requests import StartRequest
from gateway.throttle import Throttle
from history.store import Store

WISH = StartRequest()


class Broker:
    """Takes what is submitted, and hands it to every process when the test says so."""

    up = True

    def __init__(self) -> None:
        self.lives = [Scene().live, Scene().live]
        self.submitted: list[tuple[Activity, Future[None]]] = []

    def submit(self, command: Activity) -> "Future[None]":
        self.submitted.append((command, Future()))
        return self.submitted[-1][1]

    def confirm(self) -> None:
        command, confirmed = self.submitted[-1]
        for live in self.lives:
            live.receive(command)
        confirmed.set_result(None)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def processes(broker: Broker, tmp_path: Path) -> Iterator[list[Commands]]:
    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
        yield [Commands(live, store, broker, Throttle(600), Drain(0)) for live in broker.lives]


async def submitted(broker: Broker, count: int) -> None:
    async with asyncio.timeout(5):
        while len(broker.submitted) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_repeat_elsewhere_waits_for_the_start_that_is_on_its_way(
    broker: Broker, processes: list[Commands]
) -> None:
    first = asyncio.create_task(processes[0].start("acme", WISH, "key"))
    await submitted(broker, 1)
    again = asyncio.create_task(processes[1].start("acme", WISH, "key"))
    await asyncio.wait([again], timeout=0.3)
    assert not again.done()

    broker.confirm()

    async with asyncio.timeout(5):
        one, other = await first, await again
    assert one.key == other.key
    assert [command.kind for command, _ in broker.submitted] == ["start"]


async def test_a_repeat_elsewhere_sends_what_was_never_sent(
    broker: Broker, processes: list[Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "SENDING_SECONDS", 0.3)
    first = asyncio.create_task(processes[0].start("acme", WISH, "key"))
    await submitted(broker, 1)
    lost, unanswered = broker.submitted[0]
    unanswered.set_exception(BrokerUnavailable(sent=False))
    with pytest.raises(Problem):
        await first

    again = asyncio.create_task(processes[1].start("acme", WISH, "key"))
    await submitted(broker, 2)
    broker.confirm()

    assert (await again).newest.object.build == lost.object.build

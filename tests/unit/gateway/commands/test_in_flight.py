import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future

import pytest

from buildfeed.activity import Activity
from buildfeed.errors import BrokerUnavailable
from gateway.commands import in_flight, publisher
from gateway.commands.in_flight import InFlight
from support.builders import start

OFFER = start("b1")
KEY = "acme", "b1"


class Turn:
    """A lease that notes how it ends; without it, another process has it."""

    def __init__(self) -> None:
        self.lost = False
        self.endings: list[str] = []

    def end(self, ending: str) -> None:
        self.endings.append(ending)

    async def holds(self) -> bool:
        return not self.lost


class Broker:
    """Takes what is submitted and answers when the test says so."""

    up = True

    def __init__(self) -> None:
        self.submitted: list[tuple[Activity, Future[None]]] = []
        self.received: list[Activity] = []
        self.starts = InFlight(self, self.received.append)
        self.turn = Turn()

    def submit(self, command: Activity) -> "Future[None]":
        self.submitted.append((command, Future()))
        return self.submitted[-1][1]

    def read(self) -> None:
        """Begin to take the newest command: it can no longer be taken back."""
        self.submitted[-1][1].set_running_or_notify_cancel()

    async def confirm(self, number: int = -1) -> None:
        self.submitted[number][1].set_result(None)
        await settled()

    async def lose(self, number: int = -1) -> None:
        self.submitted[number][1].set_exception(BrokerUnavailable(sent=True))
        await settled()

    @property
    def kinds(self) -> list[str]:
        return [command.kind for command, _ in self.submitted]


async def settled() -> None:
    """Let the loop do what is due."""
    for _ in range(10):
        await asyncio.sleep(0)


async def refused(publishing: "asyncio.Task[None]") -> bool:
    """Wait until a start was refused; tell whether it may have been sent."""
    with pytest.raises(BrokerUnavailable) as refusal:
        await publishing
    return refusal.value.sent


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    monkeypatch.setattr(publisher, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(in_flight, "RETRY_SECONDS", 0)
    broker = Broker()
    yield broker
    await broker.starts.close()


def publishing(broker: Broker) -> "asyncio.Task[None]":
    return asyncio.create_task(broker.starts.publish(OFFER, broker.turn))


async def given_up(broker: Broker) -> None:
    """Somebody asks for a start that the broker reads, does not confirm, and is refused."""
    first = publishing(broker)
    await settled()
    broker.read()
    assert await refused(first) is True


async def test_a_start_is_published_and_received_once_it_is_confirmed(broker: Broker) -> None:
    first = publishing(broker)
    await settled()
    assert broker.starts.under_way(KEY)
    await broker.confirm()
    await first
    assert broker.received == [OFFER]
    assert broker.kinds == ["start"]
    assert not broker.starts.under_way(KEY)
    assert broker.turn.endings == ["sent"]


async def test_what_the_broker_has_not_read_is_taken_back(broker: Broker) -> None:
    assert await refused(publishing(broker)) is False
    assert broker.submitted[0][1].cancelled()
    assert not broker.starts.under_way(KEY)
    assert broker.turn.endings == ["unsent"]


async def test_who_asks_again_waits_for_the_start_that_is_under_way(broker: Broker) -> None:
    both = [publishing(broker), publishing(broker)]
    await settled()
    await broker.confirm()
    await asyncio.gather(*both)
    await given_up(broker)
    again = publishing(broker)
    await settled()
    await broker.confirm()
    await again
    assert broker.kinds == ["start", "start"]
    assert not broker.starts.under_way(KEY)


async def test_a_start_that_nobody_waits_for_is_stopped_once_it_is_confirmed(
    broker: Broker,
) -> None:
    await given_up(broker)
    assert await refused(publishing(broker)) is True
    assert broker.kinds == ["start"]
    await broker.confirm()
    assert broker.kinds == ["start", "stop"]
    assert broker.turn.endings == []
    await broker.confirm()
    assert [seen.kind for seen in broker.received] == ["start", "stop"]
    assert broker.received[1].actor.name == "gateway"
    assert not broker.starts.under_way(KEY)
    assert broker.turn.endings == ["undone"]


async def test_a_start_that_another_process_took_over_is_not_stopped(broker: Broker) -> None:
    await given_up(broker)
    broker.turn.lost = True
    await broker.confirm()
    assert broker.kinds == ["start"]
    assert not broker.starts.under_way(KEY)


async def test_a_start_that_was_lost_is_stopped_until_that_is_confirmed(broker: Broker) -> None:
    first = publishing(broker)
    await settled()
    broker.read()
    await broker.lose()
    assert await refused(first) is True
    broker.read()
    await broker.lose()
    await settled()
    assert broker.kinds == ["start", "stop", "stop"]
    await broker.confirm()
    assert [seen.kind for seen in broker.received] == ["stop"]


async def test_who_asks_again_before_the_stop_is_sent_gets_the_build(broker: Broker) -> None:
    await given_up(broker)
    await broker.confirm()
    await broker.starts.publish(OFFER)
    assert broker.submitted[1][1].cancelled()
    assert broker.received == [OFFER]
    assert not broker.starts.under_way(KEY)
    assert broker.turn.endings == ["sent"]


async def test_who_asks_again_after_a_loss_has_it_sent_again(broker: Broker) -> None:
    await given_up(broker)
    await broker.lose()
    again = publishing(broker)
    await settled()
    assert broker.submitted[1][1].cancelled()
    await broker.confirm()
    await again
    assert broker.kinds == ["start", "stop", "start"]
    assert broker.received == [OFFER]
    assert broker.turn.endings == ["sent"]


async def test_who_asks_again_too_late_finds_it_stopped(broker: Broker) -> None:
    await given_up(broker)
    await broker.confirm()
    broker.read()
    again = publishing(broker)
    await settled()
    await broker.confirm()
    await again
    assert broker.kinds == ["start", "stop"]
    assert [seen.kind for seen in broker.received] == ["start", "stop"]


async def test_what_is_under_way_does_not_hold_up_the_end(broker: Broker) -> None:
    await given_up(broker)
    async with asyncio.timeout(1):
        await broker.starts.close()
    await broker.confirm()
    assert broker.kinds == ["start"]

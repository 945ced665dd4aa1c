import asyncio
import signal
from collections.abc import Iterator

import pytest

from gateway.drain import A_SECOND, Drain


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """What the handlers of a server heard."""
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: heard.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_many_go_over_the_whole_time_and_few_sooner() -> None:
    drain = Drain(3)
    many = [drain.moment(10_000) for _ in range(1000)]
    assert 0 <= min(many) < 0.5
    assert 2.5 < max(many) <= 3
    assert max(drain.moment(10) for _ in range(1000)) <= 10 / A_SECOND


def test_without_time_all_go_at_once() -> None:
    assert Drain(0).moment(10_000) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_begins_it_and_reaches_the_server_too(
    number: signal.Signals, signals: list[int]
) -> None:
    drain, begun = Drain(0.1), asyncio.Event()
    drain.on_begin = begun.set
    drain.heed_signals()
    turn = asyncio.create_task(drain.turn())
    await asyncio.sleep(0.01)
    assert not turn.done()
    assert not begun.is_set()

    signal.raise_signal(number)

    async with asyncio.timeout(10):
        await turn
    assert begun.is_set()
    assert signals == [number]

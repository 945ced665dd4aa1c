"""A clock that stands still while its event loop does."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from buildfeed.awake_clock import AwakeClock
from support.workshop import until


@pytest.fixture
async def clock() -> AsyncIterator[AwakeClock]:
    clock = AwakeClock(0.02)
    running = asyncio.create_task(clock.run())
    await asyncio.sleep(0)
    yield clock
    running.cancel()


async def test_it_goes_like_any_clock_while_the_loop_runs(clock: AwakeClock) -> None:
    loop = asyncio.get_running_loop()
    began, time_then = loop.time(), clock.time()
    for _ in range(40):
        await asyncio.sleep(0.005)
    assert clock.time() - time_then == pytest.approx(loop.time() - began, abs=0.1)


async def test_it_stands_still_while_the_loop_is_frozen_and_says_so_before_any_timer(
    clock: AwakeClock,
) -> None:
    before = clock.time()
    time.sleep(0.5)  # noqa: ASYNC251 - the freeze
    assert clock.late > 0.4
    assert clock.time() - before < 0.1
    await until(lambda: clock.freezes)
    assert clock.time() - before < 0.2
    assert clock.late == 0


async def test_it_goes_before_it_runs() -> None:
    clock = AwakeClock()
    before = clock.time()
    await asyncio.sleep(0.01)
    assert clock.time() > before

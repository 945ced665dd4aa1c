"""One timer for all that wait equally long."""

import asyncio
import logging

import pytest

from gateway.engine.timers import Timers


async def test_what_one_raises_does_not_keep_the_others_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[int] = []
    all_told = asyncio.Event()

    def due(number: int) -> None:
        told.append(number)
        if number == 3:
            all_told.set()
        if number == 1:
            raise ZeroDivisionError

    timers = Timers(0.01, due)
    with caplog.at_level(logging.CRITICAL):
        for number in range(4):
            timers.add(number)
        async with asyncio.timeout(5):
            await all_told.wait()
    assert told == [0, 1, 2, 3]

"""Tasks that nobody else refers to."""

import asyncio
import gc

import pytest

from gateway.tasks import Tasks


async def test_a_task_runs_to_its_end_though_nobody_refers_to_it() -> None:
    tasks, done = Tasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    tasks.start(work())
    gc.collect()
    await asyncio.wait_for(done.wait(), 5)


async def test_all_that_run_are_cancelled_and_have_ended() -> None:
    tasks, ended = Tasks(), []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    started = [tasks.start(work(number)) for number in range(3)]
    await asyncio.sleep(0)
    await tasks.cancel()
    assert sorted(ended) == [0, 1, 2]
    assert all(task.cancelled() for task in started)


async def test_a_failure_is_told_to_the_owner_of_the_task() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Tasks().start(work())

"""The interface between a worker and a runner, with a runner that the test tells what happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from buildfeed.activity import Activity, Build
from buildfeed.worker.hearing import Hearing
from buildfeed.worker.job import Job, JobContext
from buildfeed.worker.jobs import Jobs
from buildfeed.worker.limits import Limits
from buildfeed.worker.runner import Clock, Outcome, Step
from support.builders import start

KEY = ("acme", "b1")


class EventRunner:
    """Yields what the test says, when it says so; raises it when it is an exception."""

    def __init__(self) -> None:
        self.happens: asyncio.Queue[Step | Outcome | Exception | None] = asyncio.Queue()
        self.begun: list[str] = []
        self.cleaned_up: list[str] = []

    async def run(self, start: Build, _clock: Clock) -> AsyncGenerator[Step | Outcome, None]:
        self.begun.append(start.build)
        try:
            while happened := await self.happens.get():
                if isinstance(happened, Exception):
                    raise happened
                yield happened
        finally:
            self.cleaned_up.append(start.build)


class Delivery:
    """A start that is ours, with what was done to it."""

    lost = doubtful = stopping = False
    key = KEY

    def __init__(self, attempt: int) -> None:
        self.start = start(KEY[1]).object
        self.attempt = attempt
        self.settled: list[str] = []

    async def still_mine(self) -> bool:
        return True

    async def still_wanted(self) -> bool:
        return True

    async def ack(self) -> None:
        self.settled.append("acknowledged")

    async def reject(self, *, requeue: bool) -> None:
        self.settled.append("handed back" if requeue else "given up")


class Bench:
    """A worker without broker and queue: one job, its runner, and all that was published."""

    def __init__(self, attempt: int = 1, **limits: Any) -> None:
        self.runner = EventRunner()
        self.published: list[Activity] = []
        self.delivery = Delivery(attempt)
        link = SimpleNamespace(
            up=True, connection=1, subscribe=lambda *_: None, unsubscribe=lambda *_: None
        )
        hearing = Hearing(link, lambda: 0)
        context = JobContext("w1", Limits(**limits), self.runner, self._publish, hearing)
        self.jobs = Jobs(context, link, changed=lambda: None, freed=lambda: None)
        self.job: Job = self.jobs.begin(self.delivery)

    def _publish(self, activity: Activity) -> "Future[None]":
        self.published.append(activity)
        acknowledged: Future[None] = Future()
        acknowledged.set_result(None)
        return acknowledged

    def says(self, *happened: Step | Outcome | Exception | None) -> None:
        for each in happened:
            self.runner.happens.put_nowait(each)

    @property
    def types(self) -> list[str]:
        return [activity.type for activity in self.published]

    @property
    def newest(self) -> Build:
        return self.published[-1].object

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "not so within 5 s"
            await asyncio.sleep(0.001)

    async def until_settled(self) -> list[str]:
        await self.until(lambda: self.delivery.settled and not self.jobs)
        return self.delivery.settled


async def test_a_step_is_published_as_soon_as_it_happens() -> None:
    bench = Bench()
    await bench.until(lambda: bench.runner.begun)
    assert bench.types == ["Accept"]

    bench.says(Step(progress=30, output="cc main.c\n"))
    await bench.until(lambda: bench.types == ["Accept", "Add", "Update"])
    assert bench.published[1].content == "cc main.c\n"
    assert (bench.newest.status, bench.newest.progress, bench.newest.errors) == ("running", 30, 0)


async def test_errors_are_published_with_the_progress_of_their_step() -> None:
    bench = Bench()
    bench.says(Step(progress=70, output="ld\n", errors=("undefined: f", "undefined: g")))
    await bench.until(lambda: bench.types == ["Accept", "Add", "Flag", "Flag"])
    assert [each.content for each in bench.published[2:]] == ["undefined: f", "undefined: g"]
    assert (bench.newest.progress, bench.newest.errors) == (70, 2)
    assert bench.newest.error == "undefined: g"


@pytest.mark.parametrize("status", ["succeeded", "failed"])
async def test_the_outcome_ends_the_build(status: Any) -> None:
    bench = Bench()
    bench.says(Step(progress=100, output=""), Outcome(status))
    assert await bench.until_settled() == ["acknowledged"]
    assert (bench.newest.status, bench.newest.progress) == (status, 100)
    assert bench.jobs.endings.get(KEY) is bench.published[-1]
    assert bench.runner.cleaned_up == ["b1"]


async def test_a_stop_closes_a_runner_that_waits() -> None:
    bench = Bench()
    bench.says(Step(progress=30, output=""))
    await bench.until(lambda: len(bench.published) == 3)
    bench.job.stop()
    assert await bench.until_settled() == ["acknowledged"]
    assert (bench.newest.status, bench.newest.progress) == ("stopped", 30)
    assert bench.runner.cleaned_up == ["b1"]


async def test_a_build_that_is_dropped_closes_its_runner_and_publishes_nothing() -> None:
    bench = Bench()
    await bench.until(lambda: bench.runner.begun)
    bench.jobs.drop(bench.job)
    await bench.until(lambda: bench.runner.cleaned_up)
    assert bench.types == ["Accept"]
    assert bench.delivery.settled == []


async def test_a_stopping_worker_closes_its_runners() -> None:
    bench = Bench()
    await bench.until(lambda: bench.runner.begun)
    for task in bench.jobs.cancel():
        with suppress(asyncio.CancelledError):
            await task
    assert bench.runner.cleaned_up == ["b1"]
    assert bench.types == ["Accept"]


async def test_a_runner_that_takes_too_long_is_closed_and_its_build_fails() -> None:
    bench = Bench(max_seconds=0.01)
    assert await bench.until_settled() == ["acknowledged"]
    assert bench.newest.status == "failed"
    assert bench.newest.error == "The build took longer than 0.01 seconds."
    assert bench.runner.cleaned_up == ["b1"]


@pytest.mark.parametrize("flaw", [RuntimeError("no compiler"), None], ids=["raises", "no outcome"])
async def test_a_runner_with_a_flaw_ends_the_attempt_and_says_why_in_the_log(
    flaw: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    bench.says(Step(progress=30, output=""), flaw)
    assert await bench.until_settled() == ["handed back"]
    assert (bench.newest.status, bench.newest.progress) == ("running", 30)
    assert bench.runner.cleaned_up == ["b1"]
    (record,) = [record for record in caplog.records if record.message == "build.crashed"]
    assert (record.project, record.build, record.attempt) == ("acme", "b1", 1)
    assert repr(flaw or StopAsyncIteration()) in repr(record.exc_info[1].exceptions)


async def test_after_the_last_attempt_the_build_fails_with_an_error_that_says_so() -> None:
    bench = Bench(attempt=3, max_attempts=2)
    assert await bench.until_settled() == ["given up"]
    assert bench.runner.begun == []
    assert bench.newest.status == "failed"
    assert bench.newest.error == "Given up: 2 attempts were begun and none ended."

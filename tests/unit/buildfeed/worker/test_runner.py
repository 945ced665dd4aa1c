"""The interface between a worker and a runner, with a runner that the test tells what happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import UNSET

from buildfeed.activity import Activity, Build, Source
from buildfeed.worker.hearing import Hearing
from buildfeed.worker.job import Job, JobContext
from buildfeed.worker.jobs import Jobs
from buildfeed.worker.limits import Limits
from buildfeed.worker.runner import Error, Outcome, Plan, Site, Step
from support.builders import start

KEY = ("acme", "b1")


class EventRunner:
    """Yields what the test says, when it says so; raises it when it is an exception."""

    jobs = UNSET

    def __init__(self, plan: Plan, stop_seconds: float) -> None:
        self._plan = plan
        self.stop_seconds = stop_seconds
        self.site: Site | None = None
        self.happens: asyncio.Queue[Step | Outcome | Exception | None] = asyncio.Queue()
        self.begun: list[str] = []
        self.cleaned_up: list[str] = []

    def plan(self, _start: Build) -> Plan:
        return self._plan

    async def run(
        self, start: Build, attempt: int, site: Site
    ) -> AsyncGenerator[Step | Outcome, None]:
        self.begun.append(start.build)
        self.attempt, self.site = attempt, site
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

    def __init__(
        self, attempt: int = 1, plan: Plan | None = None, stop_seconds: float = 0, **limits: Any
    ) -> None:
        self.runner = EventRunner(plan or Plan(), stop_seconds)
        self.unconfirmed: list[Future[None]] | None = None
        self.published: list[Activity] = []
        self.delivery = Delivery(attempt)
        self.link = link = SimpleNamespace(
            up=True, connection=1, subscribe=lambda *_: None, unsubscribe=lambda *_: None
        )
        hearing = Hearing(link, lambda: 0)
        context = JobContext("w1", Limits(**limits), self.runner, self._publish, hearing)
        self.jobs = Jobs(context, link, changed=lambda: None, freed=lambda: None)
        self.job: Job = self.jobs.begin(self.delivery)

    def _publish(self, activity: Activity) -> "Future[None]":
        self.published.append(activity)
        acknowledged: Future[None] = Future()
        if self.unconfirmed is None:
            acknowledged.set_result(None)
        else:
            self.unconfirmed.append(acknowledged)
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
    bench.says(
        Step(progress=70, output="ld\n", errors=(Error("undefined: f"), Error("undefined: g")))
    )
    await bench.until(lambda: bench.types == ["Accept", "Add", "Flag", "Flag"])
    assert [each.content for each in bench.published[2:]] == ["undefined: f", "undefined: g"]
    assert (bench.newest.progress, bench.newest.errors) == (70, 2)
    assert bench.newest.error == "undefined: g"


@pytest.mark.parametrize("status", ["succeeded", "failed"])
async def test_the_outcome_ends_the_build(status: Any) -> None:
    bench = Bench()
    bench.says(Step(progress=100), Outcome(status))
    assert await bench.until_settled() == ["acknowledged"]
    assert (bench.newest.status, bench.newest.progress) == (status, 100)
    assert bench.jobs.endings.get(KEY) is bench.published[-1]
    assert bench.runner.cleaned_up == ["b1"]


async def test_a_stop_closes_a_runner_that_waits() -> None:
    bench = Bench()
    bench.says(Step(progress=30))
    await bench.until(lambda: len(bench.published) == 2)
    bench.job.stop()
    assert await bench.until_settled() == ["acknowledged"]
    assert (bench.newest.status, bench.newest.progress) == ("stopped", 30)
    assert bench.runner.cleaned_up == ["b1"]


async def test_a_stop_leaves_a_runner_the_time_to_end_by_itself() -> None:
    bench = Bench(stop_seconds=5)
    await bench.until(lambda: bench.runner.site)
    assert bench.runner.site
    assert not bench.runner.site.ending
    bench.job.stop()
    await bench.until(lambda: bench.runner.site and bench.runner.site.ending)
    bench.says(Step(output="bye\n", offset=7), Outcome("failed", exit_code=-15))
    assert await bench.until_settled() == ["acknowledged"]
    assert bench.types == ["Accept", "Add", "Update"]
    assert (bench.published[1].content, bench.published[1].offset) == ("bye\n", 7)
    assert (bench.newest.status, bench.newest.exit_code) == ("stopped", -15)


async def test_a_runner_that_does_not_end_after_a_stop_is_closed() -> None:
    bench = Bench(stop_seconds=0.05)
    await bench.until(lambda: bench.runner.begun)
    bench.job.stop()
    assert await bench.until_settled() == ["acknowledged"]
    assert (bench.newest.status, bench.newest.exit_code) == ("stopped", UNSET)
    assert bench.runner.cleaned_up == ["b1"]


async def test_what_is_planned_shows_from_the_beginning() -> None:
    bench = Bench(plan=Plan(job="default", title="make -j8", indeterminate=True))
    await bench.until(lambda: bench.published)
    accepted = bench.newest
    assert (accepted.job, accepted.title, accepted.indeterminate) == ("default", "make -j8", True)


async def test_a_step_tells_all_that_a_tool_says() -> None:
    bench = Bench(plan=Plan(indeterminate=True))
    place = Source(file="src/a.c", line=3)
    bench.says(
        Step(progress=42, done=3, total=7, phase="Linking"),
        Step(errors=(Error("undefined: f", place),)),
    )
    await bench.until(lambda: bench.types == ["Accept", "Update", "Flag"])
    known = bench.newest
    assert (known.progress, known.done, known.total, known.phase) == (42, 3, 7, "Linking")
    assert (known.indeterminate, bench.published[-1].source) == (UNSET, place)


async def test_the_limit_of_a_build_counts_before_that_of_the_worker() -> None:
    bench = Bench(plan=Plan(max_seconds=0.01), max_seconds=100)
    assert await bench.until_settled() == ["acknowledged"]
    assert bench.newest.error == "The build took longer than 0.01 seconds."


async def test_a_runner_is_told_when_output_has_to_wait_for_the_broker() -> None:
    bench = Bench()
    await bench.until(lambda: bench.runner.site)
    site = bench.runner.site
    assert site
    bench.unconfirmed = []
    bench.says(*[Step(output="cc\n", offset=0)] * 8)
    await bench.until(lambda: len(bench.published) == 9)
    assert not site.takes_output
    bench.unconfirmed[0].set_result(None)
    assert site.takes_output
    bench.link.up = False
    assert not site.takes_output
    bench.link.up, bench.unconfirmed = True, None


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
    bench.says(Step(progress=30), flaw)
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

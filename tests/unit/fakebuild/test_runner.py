"""The runner of fake builds, on a clock that is set by hand."""

from contextlib import aclosing
from dataclasses import dataclass

from msgspec.structs import replace

from buildfeed import command
from buildfeed.activity import Script
from buildfeed.worker.runner import Outcome, Step
from fakebuild.runner import FakeRunner
from fakebuild.script import plan

BUILD = command.unknown("acme", "01934f4ce3b27b3c8f1e2d3c4b5a6978")


@dataclass
class HandClock:
    """Is always at the moment that was slept until last."""

    now: float = 100.0

    def time(self) -> float:
        return self.now

    async def sleep_until(self, moment: float) -> None:
        self.now = moment


async def ran(script: Script | None) -> tuple[list[Step | Outcome], float]:
    """What a start with `script` yields, and how long it took."""
    clock = HandClock()
    start = replace(BUILD, script=script) if script else BUILD
    async with aclosing(FakeRunner().run(start, 1, clock)) as steps:
        return [each async for each in steps], clock.now - 100.0


async def test_a_script_without_errors_succeeds_after_its_seconds() -> None:
    script = Script(seconds=3, steps=4, errors=())
    (*steps, outcome), seconds = await ran(script)

    assert steps == list(plan(script))
    assert (outcome, seconds) == (Outcome("succeeded"), 3)


async def test_a_script_with_errors_fails_at_its_end() -> None:
    *_, last, outcome = (await ran(Script(seconds=1, steps=2, errors=(10,))))[0]

    assert isinstance(last, Step)
    assert (last.progress, outcome) == (100, Outcome("failed"))


async def test_a_start_without_a_script_runs_the_default_one() -> None:
    assert await ran(None) == await ran(Script())


async def test_a_job_is_no_fake_build() -> None:
    start = replace(BUILD, job="deploy")
    async with aclosing(FakeRunner().run(start, 1, HandClock())) as steps:
        step, outcome = [each async for each in steps]

    assert isinstance(step, Step)
    (error,) = step.errors
    assert error.text == "This worker runs fake builds only: it cannot run the job deploy."
    assert outcome == Outcome("failed")

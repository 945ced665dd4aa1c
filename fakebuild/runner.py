"""The runner of fake builds: it yields the ticks of a script when they are due. Pure."""

from collections.abc import AsyncGenerator
from typing import Final

from msgspec import UNSET, UnsetType

from buildfeed.activity import Build, Script
from buildfeed.worker.runner import Clock, Error, Outcome, Plan, Step
from fakebuild.script import paced, plan

_PRETENDS: Final = "This worker runs fake builds only"


class FakeRunner:
    """Pretends to build. A start without a script runs the default one, which is not published."""

    stop_seconds: Final = 0.0
    jobs: Final[UnsetType] = UNSET

    def plan(self, _start: Build) -> Plan:
        """Return nothing: how a script goes shows when it runs."""
        return Plan()

    async def run(
        self, start: Build, _attempt: int, site: Clock
    ) -> AsyncGenerator[Step | Outcome, None]:
        """Yield the ticks of the script when their time has come, 100 a second at most."""
        if start.job is not UNSET:
            yield Step(errors=(Error(f"{_PRETENDS}: it cannot run the job {start.job}."),))
            yield Outcome("failed")
            return
        script = Script() if start.script is UNSET else start.script
        began = site.time()
        for tick in paced(plan(script)):
            await site.sleep_until(began + tick.at)
            yield tick
        yield Outcome("failed" if script.errors else "succeeded")

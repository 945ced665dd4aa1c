"""The runner of fake builds: it yields the ticks of a script when they are due. Pure."""

from collections.abc import AsyncGenerator

from msgspec import UNSET

from buildfeed.activity import Build, Script
from buildfeed.worker.runner import Clock, Outcome, Step
from fakebuild.script import paced, plan


class FakeRunner:
    """Pretends to build. A start without a script runs the default one, which is not published."""

    async def run(self, start: Build, clock: Clock) -> AsyncGenerator[Step | Outcome, None]:
        """Yield the ticks of the script when their time has come, 100 a second at most."""
        script = Script() if start.script is UNSET else start.script
        began = clock.time()
        for tick in paced(plan(script)):
            await clock.sleep_until(began + tick.at)
            yield tick
        yield Outcome("failed" if script.errors else "succeeded")

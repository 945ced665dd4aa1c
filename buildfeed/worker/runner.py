"""The interface of a runner, which does the builds of a worker. Pure.

A runner turns a start into steps and an outcome. Queue, attempts, stops and publishing are the
business of the worker. A runner is driven by events: it yields when something has happened, and
the worker publishes that at once.

The worker closes the generator when the build is stopped, takes too long, or belongs to another
worker now: clean up in a `finally`. A runner that raises, or ends without an outcome, ends the
attempt and not the build: that is logged as `build.crashed`, and the start goes back to the queue
for the next attempt. After the last attempt the build fails.
"""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec

from buildfeed.activity import Build


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a build: `progress` in percent, new output, new errors.

    `output` is the text that was printed since the last step. Each of `errors` is one text.
    """

    progress: int
    output: str
    errors: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """How a build ended by itself; it comes last."""

    status: Literal["succeeded", "failed"]


class Clock(Protocol):
    """A clock that stops while the process is frozen, so that a build is not late after it."""

    def time(self) -> float:
        """Return the time in seconds."""

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`; let other tasks run once, even when it has passed."""


class Runner(Protocol):
    """Runs builds."""

    def run(self, start: Build, clock: Clock) -> AsyncGenerator[Step | Outcome, None]:
        """Yield the steps of the build that `start` asks for, then its outcome."""

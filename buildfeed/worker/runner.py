"""The seam between a worker and what it runs: a runner turns a start into steps and an outcome.

The worker has the queue, the attempt, the stop and what is told; a runner knows only how a build
is done. It is driven by events: it yields when something has happened, and the worker publishes
that at once. A build that is stopped, or belongs to another worker now, closes the generator: what
the runner has to clean up stands in a `finally`.
"""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec

from buildfeed.activity import Build


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a build, and how far it is since then.

    `output` is what was printed meanwhile, `errors` the texts of what went wrong.
    """

    progress: int
    output: str
    errors: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """How a build ended by itself; it comes last."""

    status: Literal["succeeded", "failed"]


class Clock(Protocol):
    """A clock that stands still while the worker does: a freeze is no time to build in."""

    def time(self) -> float:
        """Return the time in seconds."""

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`; others get their turn even when that has passed."""


class Runner(Protocol):
    """Runs builds."""

    def run(self, start: Build, clock: Clock) -> AsyncGenerator[Step | Outcome, None]:
        """Yield the steps of the build that `start` asks for, then its outcome."""

"""The interface of a runner, which does the builds of a worker. Pure.

A runner turns a start into steps and an outcome. Queue, attempts, stops and publishing are the
business of the worker. A runner is driven by events: it yields when something has happened, and
the worker publishes that at once.

A build that is stopped, or takes too long, is `ending`: from then on it has `stop_seconds` to yield
its last steps and its outcome. The worker closes the generator after that, or at once when another
worker has the build now: clean up in a `finally`. A runner that raises, or ends without an outcome,
ends the attempt and not the build: that is logged as `build.crashed`, and the start goes back to
the queue for the next attempt. After the last attempt the build fails.
"""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Build, Source
from buildfeed.presence import OfferedJob


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a build before it begins.

    `job` is the one that it runs, `title` is for people. With `indeterminate` it is not known yet
    how much there is to do. It may take `max_seconds`, None: as long as the worker allows.
    """

    job: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    indeterminate: bool = False
    max_seconds: float | None = None


class Error(msgspec.Struct, frozen=True):
    """An error in a build: its whole text, and its place."""

    text: str
    source: Source | UnsetType = UNSET


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a build: how far it is, new output, new errors.

    `progress` is in percent, None when that and the four fields after it are as before: `done` of
    `total` steps, the `phase`, and whether it is `indeterminate`. `output` is the text that was
    printed since the last step, `offset` the number of bytes before it, if somebody counts them.
    """

    progress: int | None = None
    phase: str = ""
    done: int | None = None
    total: int | None = None
    indeterminate: bool = False
    output: str = ""
    offset: int | UnsetType = UNSET
    errors: tuple[Error, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """How a build ended by itself; it comes last. Below 0 the code is that of a signal."""

    status: Literal["succeeded", "failed"]
    exit_code: int | UnsetType = UNSET


class Clock(Protocol):
    """A clock that stops while the process is frozen, so that a build is not late after it."""

    def time(self) -> float:
        """Return the time in seconds."""

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`; let other tasks run once, even when it has passed."""


class Site(Clock, Protocol):
    """Where a build runs, as its runner sees it."""

    @property
    def ending(self) -> bool:
        """True when the build is to end: somebody has stopped it, or it takes too long."""

    @property
    def takes_output(self) -> bool:
        """False while the broker is away, or has not confirmed what was yielded: keep output."""


class Runner(Protocol):
    """Runs builds."""

    @property
    def stop_seconds(self) -> float:
        """How long a build may take to end, in seconds; at 0 its generator is closed at once."""

    @property
    def jobs(self) -> tuple[OfferedJob, ...] | UnsetType:
        """What a worker with this runner offers; absent for fake builds."""

    def plan(self, start: Build) -> Plan:
        """Return what is known of the build that `start` asks for."""

    def run(self, start: Build, attempt: int, site: Site) -> AsyncGenerator[Step | Outcome, None]:
        """Yield the steps of an attempt of the build that `start` asks for, then its outcome."""

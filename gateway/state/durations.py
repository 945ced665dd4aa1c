"""How long builds of a job take: the median of the last that succeeded. Pure.

A job is a project and the name of its job, None for builds that have no job. What is known is that
of builds which this process heard of, and that of the history once somebody asked: `wanted` are the
jobs to be looked up there.
"""

from collections.abc import Iterable
from itertools import islice
from statistics import median
from typing import Final

from msgspec import UnsetType

from buildfeed.activity import Build
from buildfeed.times import LONGEST_SECONDS

LAST: Final = 5
"""Builds of a job that count."""
MOST: Final = 10_000
"""Jobs that are known; anybody who may publish can make up names."""
MOST_WANTED: Final = 1000
"""Jobs that wait for the history."""
AT_ONCE: Final = 50
"""Jobs that are looked up there in one round: each is a query."""

Job = tuple[str, str | None]


def job_of(build: Build) -> Job:
    """Return the job that a build is of."""
    return build.project, None if isinstance(build.job, UnsetType) else build.job


class Durations:
    """The last durations of each job, in seconds."""

    def __init__(self) -> None:
        self._last: dict[Job, dict[str, float]] = {}  # by build
        self._medians: dict[Job, float] = {}
        self._looked_up: set[Job] = set()
        self._wanted: dict[Job, None] = {}  # those that came first in front

    def seconds(self, build: Build) -> float | None:
        """Return how long a build probably takes, None while that is not known."""
        job = job_of(build)
        if job not in self._looked_up and len(self._wanted) < MOST_WANTED:
            self._wanted[job] = None
        return self._medians.get(job)

    def note(self, build: Build) -> None:
        """Note the state of a build; it counts if it has succeeded."""
        if build.status == "succeeded" and build.seconds is not None:
            self._add(job_of(build), {build.build: build.seconds})

    def take_wanted(self) -> list[Job]:
        """Return some jobs that somebody asked for and that were not looked up yet.

        At most `AT_ONCE`, so the others wait for the next time.
        """
        wanted = list(islice(self._wanted, AT_ONCE))
        for job in wanted:
            del self._wanted[job]
        return wanted

    def learn(self, job: Job, found: Iterable[tuple[str, float]]) -> bool:
        """Take the durations of a job that history has, by build; tell whether any are known."""
        self._looked_up.add(job)
        self._add(job, dict(found))
        return job in self._medians

    def _add(self, job: Job, new: dict[str, float]) -> None:
        new = {build: seconds for build, seconds in new.items() if seconds <= LONGEST_SECONDS}
        known = self._last.pop(job, {}) | new  # it is the last one to go now
        last = dict(sorted(known.items(), reverse=True)[:LAST])
        self._last[job] = last
        if last:
            self._medians[job] = median(last.values())
        if len(self._last) > MOST:
            oldest = next(iter(self._last))
            del self._last[oldest]
            self._medians.pop(oldest, None)
            self._looked_up.discard(oldest)

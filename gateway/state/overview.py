"""The overview: builds that wait, builds that run and where, and the state of the workers. Pure."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from buildfeed.activity import Key, Priority
from buildfeed.board import BuildState
from buildfeed.presence import Presence
from gateway.state.crew import Member, crew


class WorkerLoad(msgspec.Struct, frozen=True):
    """A worker: the builds that it runs, and its last presence.

    `running` also counts builds that have ended for everybody else: they still take its slots. Of a
    worker that is offline they are lost.
    """

    worker: str
    online: bool
    running: int
    slots: int
    lag_ms: int


class Overview(msgspec.Struct, frozen=True):
    """Builds that wait by priority, the age of the oldest, running and lost builds, workers.

    `delayed` builds may not begin yet, and do not count as waiting. `lost` builds are those whose
    worker is offline or silent; they do not count as running. `oldest_seconds` is 0 when
    nothing waits. `retaken` builds are in a further attempt.
    """

    queued: dict[Priority, int]
    delayed: int
    oldest_seconds: float
    running: int
    lost: int
    retaken: int
    workers: list[WorkerLoad]


MOST_WORKERS: Final = 500
"""Workers that are told one by one: anybody who may publish can make up names."""
OTHERS: Final = "(others)"


def shown(workers: Sequence[WorkerLoad]) -> list[WorkerLoad]:
    """Return MOST_WORKERS at most, those with slots and builds first, and the sum of the others.

    The `lag_ms` of the others is the largest.
    """
    if len(workers) <= MOST_WORKERS:
        return list(workers)
    ranked = sorted(workers, key=lambda each: (-each.slots, -each.running, each.worker))
    named, others = ranked[:MOST_WORKERS], ranked[MOST_WORKERS:]
    rest = WorkerLoad(
        OTHERS,
        online=any(each.online for each in others),
        running=sum(each.running for each in others),
        slots=sum(each.slots for each in others if each.online),
        lag_ms=max(each.lag_ms for each in others),
    )
    return [*sorted(named, key=lambda each: each.worker), rest]


def overview(
    unfinished: Iterable[BuildState],
    workers: Iterable[tuple[Presence, bool]],
    now: datetime,
    lost: Container[Key] = frozenset(),
) -> Overview:
    """Return the overview at `now` of `unfinished` builds and of `workers`, as in `crew`."""
    queued: dict[Priority, int] = {"high": 0, "normal": 0}
    builds = list(unfinished)
    members = crew(builds, workers, lost)
    oldest, delayed, retaken = now, 0, 0
    for state in builds:
        build = state.newest.object
        retaken += build.attempt > 1
        if build.status == "queued" and build.is_delayed(now):
            delayed += 1
        elif build.status == "queued":
            queued[build.priority] += 1
            if build.due_time is not UNSET:
                oldest = min(oldest, build.due_time)
    runs = frozenset[Key]().union(*(each.runs for each in members))
    return Overview(
        queued=queued,
        delayed=delayed,
        oldest_seconds=(now - oldest).total_seconds(),
        running=len(runs),
        lost=len(frozenset[Key]().union(*(each.lost for each in members)) - runs),
        retaken=retaken,
        workers=[load(each) for each in members],
    )


def load(member: Member) -> WorkerLoad:
    """Return a worker in figures."""
    said = member.presence
    return WorkerLoad(
        said.worker, member.online, len(member.held), slots=said.slots, lag_ms=said.lag_ms
    )

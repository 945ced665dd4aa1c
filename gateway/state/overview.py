"""The overview: builds that wait, builds that run and where, and the state of the workers. Pure."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from buildfeed.activity import Key, Priority
from buildfeed.board import BuildState
from buildfeed.presence import Presence


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
    """Return the overview at `now` of `unfinished` builds and of `workers`, online or not.

    A worker that runs a build counts as online before its first presence is heard, unless the build
    is `lost`.
    """
    queued: dict[Priority, int] = {"high": 0, "normal": 0}
    running: dict[str, set[Key]] = {}
    gone: dict[str, set[Key]] = {}
    oldest, delayed, retaken = now, 0, 0
    for state in unfinished:
        build, worker = state.newest.object, state.newest.worker
        retaken += build.attempt > 1
        if build.status == "queued" and build.is_delayed(now):
            delayed += 1
        elif build.status == "queued":
            queued[build.priority] += 1
            if build.due_time is not UNSET:
                oldest = min(oldest, build.due_time)
        elif worker is not None:
            where = gone if state.key in lost else running
            where.setdefault(worker, set()).add(state.key)
    said = {presence.worker: (presence, online) for presence, online in workers}
    for worker, (presence, online) in said.items():
        if online:
            running.setdefault(worker, set()).update(each.key for each in presence.builds)
    unheard = {worker: (Presence(worker, "offline"), False) for worker in gone}
    unheard |= {worker: (Presence(worker, "online"), True) for worker in running}
    runs, held = set[Key]().union(*running.values()), {**gone}
    for worker, keys in running.items():
        held[worker] = held.get(worker, set()) | keys
    return Overview(
        queued=queued,
        delayed=delayed,
        oldest_seconds=(now - oldest).total_seconds(),
        running=len(runs),
        lost=len(set[Key]().union(*gone.values()) - runs),
        retaken=retaken,
        workers=[
            WorkerLoad(worker, online, len(held.get(worker, ())), presence.slots, presence.lag_ms)
            for worker, (presence, online) in sorted({**unheard, **said}.items())
        ],
    )

"""How long runners are silent whose builds nobody takes over. Pure; times are seconds of one clock.

A build was heard of when its state changed, and when anything came from its worker. Silence counts
only while we listen: `restart` begins to count anew. A worker that says goodbye is silent from then
on.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from buildfeed.activity import MAX_COUNT, Activity, Actor, Key, timestamp
from buildfeed.board import BuildState

RECORDER: Final = Actor(type="Service", id="urn:buildfeed:recorder", name="recorder")
"""Who ends a build that was abandoned."""

Place = tuple[int, int]


class Silence:
    """Builds that were never queued, and when each was last heard of."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._states: dict[Key, tuple[Place, float]] = {}
        self._workers: dict[str, float] = {}

    def restart(self, now: float) -> None:
        """Count every silence from now on: before, nobody could be heard."""
        self._states = {key: (place, now) for key, (place, _) in self._states.items()}
        self._workers = dict.fromkeys(self._workers, now)

    def heard(self, workers: Iterable[str | None], now: float) -> None:
        """Note that these workers spoke."""
        self._workers.update((worker, now) for worker in workers if worker in self._workers)

    def look(self, unfinished: Sequence[BuildState], now: float) -> list[tuple[BuildState, float]]:
        """Return those of all unfinished builds that are abandoned, each with its silence."""
        own = {state.key: state for state in unfinished if _is_own(state)}
        known, self._states = self._states, {}
        # Those of other builds are forgotten: anybody who may publish can make up names.
        self._workers = {
            worker: self._workers.get(worker, now)
            for state in own.values()
            if (worker := state.newest.worker)
        }
        abandoned = []
        for key, state in own.items():
            place = state.newest.object.attempt, state.newest.object.seq
            before, since = known.get(key, (place, now))
            self._states[key] = place, since if before == place else now
            last = max(self._states[key][1], self._workers.get(state.newest.worker or "", 0.0))
            if now - last >= self._after:
                abandoned.append((state, now - last))
        return abandoned


def ending(state: BuildState, since: datetime, now: datetime) -> Activity:
    """Return the ending of a build whose runner has not been heard of `since` then.

    It is that of another attempt. So should the runner come back, its own ending is the smaller one
    and counts, and the ending of another recorder has the same id.
    """
    build = state.newest.object
    ended = replace(
        build,
        status="failed",
        attempt=build.attempt + 1,
        seq=0,
        errors=min(build.errors + 1, MAX_COUNT),
        error=f"Its runner has not been heard of since {timestamp(since)}.",
        end_time=now,
    )
    return Activity.about(ended, "Update", RECORDER, now)


def _is_own(state: BuildState) -> bool:
    """Tell whether a build began in place: it was never queued, so nobody takes it over.

    One whose attempt is the largest that there is does not count: no other attempt can end it.
    """
    build = state.newest.object
    return build.queued_time is UNSET and 0 < build.attempt < MAX_COUNT

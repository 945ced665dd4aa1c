"""The roster: which workers were heard lately. Pure; time is passed in, in seconds.

A worker counts as lost when it said goodbye, or when nothing was heard of it for SILENCE_SECONDS.
Silence counts only while the broker is there: `restart` begins to count anew. A worker that was
never heard is not lost: the gateway may have started a moment ago.

Anybody who may publish can make up names of workers, so those that run nothing are forgotten.
"""

from collections.abc import Collection
from typing import Final

from msgspec import UnsetType

from buildfeed.presence import SILENCE_SECONDS, Presence

KEPT: Final = 3600.0
"""Seconds of silence after which a worker is no longer shown."""
MOST: Final = 2000
"""Workers that are remembered besides those that run builds, and presences of all."""

SURE_SECONDS = 6.0
"""Seconds after a connect until each worker that is online has said so: what it said before is
retained, or it connects again too, with pauses of 4 s at most, and says so again."""


class Roster:
    """Workers by name, with the moment they were last heard and whether they said goodbye."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._offline: set[str] = set()
        self._presence: dict[str, Presence] = {}
        self._since: float | None = None

    def heard(self, worker: str, now: float) -> None:
        """Note an activity of `worker`; it does not undo a goodbye, as it may be older."""
        self._heard[worker] = now

    def expect(self, worker: str, now: float) -> None:
        """Note that `worker` should be there: history says that it runs a build."""
        self._heard.setdefault(worker, now)

    def restart(self, now: float) -> None:
        """Count every silence from now on: before, no worker could be heard."""
        self._heard = dict.fromkeys(self._heard, now)
        self._since = now

    def presence(self, presence: Presence, now: float) -> None:
        """Note the presence of a worker, from itself or from its last will."""
        self._heard[presence.worker] = now
        self._presence[presence.worker] = presence
        if presence.status == "offline":
            self._offline.add(presence.worker)
        else:
            self._offline.discard(presence.worker)

    def left(self, worker: str, now: float) -> None:
        """Note that a worker said goodbye for ever: it is not shown any more."""
        self._heard[worker] = now
        self._offline.add(worker)
        self._presence.pop(worker, None)

    def lost(self, worker: str | None, now: float) -> bool:
        """Tell whether a build of `worker` is lost: nobody runs it."""
        if worker is None or worker not in self._heard:
            return False
        return worker in self._offline or now - self._heard[worker] > SILENCE_SECONDS

    def prune(self, busy: Collection[str], now: float) -> None:
        """Forget workers that were silent for an hour, and beyond MOST those silent longest.

        Those that are `busy` stay. Of the others those go first of which no presence came.
        """
        idle = [worker for worker in self._heard if worker not in busy]
        idle.sort(key=lambda worker: (worker in self._presence, self._heard[worker]))
        silent = {worker for worker in idle if now - self._heard[worker] > KEPT}
        for worker in silent.union(idle[: max(0, len(idle) - MOST)]):
            del self._heard[worker]
            self._presence.pop(worker, None)
            self._offline.discard(worker)
        spoken = sorted(self._presence, key=self._heard.__getitem__, reverse=True)
        self._presence = {worker: self._presence[worker] for worker in spoken[:MOST]}

    def workers(self, now: float) -> list[tuple[Presence, bool]]:
        """Return the last presence of each worker of the last hour, and whether it is online."""
        self._presence = {
            worker: presence
            for worker, presence in self._presence.items()
            if now - self._heard[worker] <= KEPT
        }
        return [(each, not self.lost(each.worker, now)) for each in self._presence.values()]

    def jobs(self, project: str, now: float) -> set[str] | None:
        """Return the jobs of a project that online workers offer, None while none is known.

        A runner without a slot takes no start.
        """
        offers = [each.jobs for each, online in self.workers(now) if online and each.slots]
        if not offers:
            return None
        return {
            offered.job
            for jobs in offers
            if not isinstance(jobs, UnsetType)
            for offered in jobs
            if offered.project == project
        }

    def online(self, now: float) -> int | None:
        """Return how many workers are online, None while some may not have been heard yet."""
        online = sum(not self.lost(worker, now) for worker in self._presence)
        sure = self._since is not None and now - self._since > SURE_SECONDS
        return online if online or sure else None

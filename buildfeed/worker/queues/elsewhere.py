"""The builds that other workers run, and when each was heard of last."""

from collections.abc import Mapping

import msgspec

from buildfeed.activity import Key
from buildfeed.presence import SILENCE_SECONDS, Presence


class _Run(msgspec.Struct):
    worker: str | None
    heard: float


class Elsewhere:
    """Builds that other workers run. Pure; `now` is a monotonic clock in seconds."""

    def __init__(self) -> None:
        self._runs: dict[Key, _Run] = {}
        self._left: set[str] = set()

    @property
    def workers(self) -> dict[Key, str | None]:
        """The worker of each build, None when its newest activity is a stop, which names none."""
        return {key: run.worker for key, run in self._runs.items()}

    def update(self, workers: Mapping[Key, str | None], now: float) -> None:
        """Replace the builds by those of `workers`; known ones keep the time of their last news."""
        before = self._runs
        self._runs = {}
        for key, worker in workers.items():
            run = before.get(key)
            if run is None or run.worker != worker:
                run = _Run(worker, now)
            self._runs[key] = run
        self._left &= {run.worker for run in self._runs.values() if run.worker}

    def hear(self, key: Key, now: float) -> None:
        """Take note of an activity of a build."""
        if run := self._runs.get(key):
            run.heard = now

    def hear_worker(self, said: Presence, now: float) -> None:
        """Take the presence of a worker."""
        runs = [run for run in self._runs.values() if run.worker == said.worker]
        if runs and said.status == "offline":
            self._left.add(said.worker)
        elif runs:
            self._left.discard(said.worker)
            for run in runs:
                run.heard = now

    def restart(self, now: float) -> None:
        """Count every silence from now on, as no worker could be heard before."""
        for run in self._runs.values():
            run.heard = now

    def abandoned(self, now: float) -> set[Key]:
        """Return the builds whose workers are offline, or were silent for SILENCE_SECONDS."""
        return {
            key
            for key, run in self._runs.items()
            if run.worker in self._left or now - run.heard >= SILENCE_SECONDS
        }

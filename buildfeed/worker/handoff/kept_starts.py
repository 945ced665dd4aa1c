"""Kept starts: a worker keeps the start of a build that may still run on another worker.

A broker that comes back hands out anew every start that is not settled, to the workers that connect
first, while the builds still run. So a worker that gets such a start does not begin the build. It
says in its presence that it keeps the start, and the worker that runs the build says so in its own.
From then on one runs the build and the other keeps the start, until the build ends or its worker is
gone: hinted handoff (DeCandia et al., Dynamo, 2007, §4.6).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from buildfeed.activity import Key
from buildfeed.presence import SILENCE_SECONDS, Presence
from buildfeed.worker.queues.queue import Delivery

ANSWER_SECONDS: Final = 10.0
"""Seconds that the worker of the build has to connect again and say that it runs the build."""

REPEAT_SECONDS: Final = 10.0
"""Seconds in which the keeper repeats its presence: the build's worker may not listen yet."""


class _Kept(msgspec.Struct):
    """A kept start: due at `until`, repeated until `news_until`, its build runs on `runner`."""

    delivery: Delivery
    until: float
    news_until: float
    runner: str | None = None


class KeptStarts:
    """The starts kept by the worker `name`. Pure; `now` is a monotonic clock in seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: dict[Key, _Kept] = {}
        self._running: dict[str, set[Key]] = {}
        self._orphans: set[Key] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Delivery]:
        return iter([kept.delivery for kept in self._kept.values()])

    def has_news(self, now: float) -> bool:
        """Tell whether the worker of some build may not know yet that its start is kept here.

        That worker may have said that it runs the build before it heard the keeper.
        """
        return any(now < kept.news_until for kept in self._kept.values())

    def get(self, key: Key) -> Delivery | None:
        """Return the start that is kept for the build `key`, None when there is none."""
        kept = self._kept.get(key)
        return kept.delivery if kept else None

    def keep(self, delivery: Delivery, now: float) -> None:
        """Keep a start until a worker says that its build runs, or none does in time.

        The start is due at once when the worker of its build was heard to be gone.
        """
        wait = 0.0 if delivery.key in self._orphans else ANSWER_SECONDS
        self._kept[delivery.key] = _Kept(delivery, now + wait, now + REPEAT_SECONDS)

    def release(self, key: Key) -> None:
        """Keep the start of the build `key` no longer."""
        self._kept.pop(key, None)

    def hear(self, presence: Presence, now: float) -> list[Delivery]:
        """Take a presence; release and return the starts whose builds its worker has left."""
        if presence.worker == self._name:
            return []
        runs = {run.key for run in presence.builds}
        if presence.status == "online":
            self._running[presence.worker] = runs
        else:
            runs |= self._running.pop(presence.worker, set())
            self._orphans |= runs
        abandoned = []
        for key, kept in self._kept.items():
            if presence.status == "online" and key in runs:
                if kept.runner != presence.worker:
                    kept.news_until = now + REPEAT_SECONDS
                kept.runner, kept.until = presence.worker, now + SILENCE_SECONDS
            elif key in runs or kept.runner == presence.worker:
                abandoned.append(key)
        return [self._kept.pop(key).delivery for key in abandoned]

    def forget(self) -> None:
        """Forget which builds run where, but for those whose starts are kept."""
        self._running.clear()
        self._orphans.clear()

    def due(self, now: float) -> list[Delivery]:
        """Release and return the starts whose builds no worker has said in time to run."""
        silent = [key for key, kept in self._kept.items() if now >= kept.until]
        return [self._kept.pop(key).delivery for key in silent]

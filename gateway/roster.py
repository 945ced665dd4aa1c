"""The roster: which workers were heard from lately. Pure; time is passed in, in seconds."""

from buildfeed.presence import Presence

SILENT_AFTER = 30.0
"""Seconds: a worker repeats its presence every 10 s, so three of them are missing."""


class Roster:
    """Workers by name, with the moment they were last heard and whether they said goodbye."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._offline: set[str] = set()

    def heard(self, worker: str, now: float) -> None:
        """Note an activity of `worker`: it proves nothing against a goodbye."""
        self._heard[worker] = now

    def expect(self, worker: str, now: float) -> None:
        """Note that `worker` should be there, as history says it runs a build."""
        self._heard.setdefault(worker, now)

    def restart(self, now: float) -> None:
        """Count silence from now on: before, nobody could be heard."""
        self._heard = dict.fromkeys(self._heard, now)

    def presence(self, presence: Presence, now: float) -> None:
        """Note what a worker, or its last will, says of itself."""
        self._heard[presence.worker] = now
        if presence.status == "offline":
            self._offline.add(presence.worker)
        else:
            self._offline.discard(presence.worker)

    def lost(self, worker: str | None, now: float) -> bool:
        """Tell whether a build of `worker` has nobody who builds it."""
        if worker is None or worker not in self._heard:
            return False
        return worker in self._offline or now - self._heard[worker] > SILENT_AFTER

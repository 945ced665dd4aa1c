"""The roster: which workers were heard from lately. Pure; time is passed in, in seconds."""

from buildfeed.presence import SILENCE_SECONDS, Presence

KEPT = 3600.0
"""Seconds without a word until nobody wants to see a worker any more."""


class Roster:
    """Workers by name, with the moment they were last heard and whether they said goodbye."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._offline: set[str] = set()
        self._presence: dict[str, Presence] = {}

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
        self._presence[presence.worker] = presence
        if presence.status == "offline":
            self._offline.add(presence.worker)
        else:
            self._offline.discard(presence.worker)

    def lost(self, worker: str | None, now: float) -> bool:
        """Tell whether a build of `worker` has nobody who builds it."""
        if worker is None or worker not in self._heard:
            return False
        return worker in self._offline or now - self._heard[worker] > SILENCE_SECONDS

    def workers(self, now: float) -> list[tuple[Presence, bool]]:
        """Return what each worker of the last hour said last, and whether it is online."""
        self._presence = {
            worker: presence
            for worker, presence in self._presence.items()
            if now - self._heard[worker] <= KEPT
        }
        return [(each, not self.lost(each.worker, now)) for each in self._presence.values()]

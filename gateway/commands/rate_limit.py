"""The limit of starts: a token bucket for each project. Pure; time is passed in, in seconds."""

from typing import Final

MINUTE: Final = 60.0


class RateLimit:
    """Lets each project start `per_minute` builds at once, and as many a minute from then on.

    A bucket is stored as the moment at which it is full again (GCRA): each start moves that moment
    by the time in which one token comes. A full bucket need not be stored.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval = MINUTE / per_minute
        self._full_at: dict[str, float] = {}
        self._swept = 0.0

    def take(self, project: str, now: float) -> float:
        """Count a start and return 0, or return the seconds until the next one is allowed."""
        self._sweep(now)
        full_at = max(self._full_at.get(project, now), now) + self._interval
        wait = full_at - now - MINUTE
        if wait > self._interval / 1000:  # rounding: a start that is asked for on time is allowed
            return wait
        self._full_at[project] = full_at
        return 0.0

    def _sweep(self, now: float) -> None:
        """Forget full buckets once a minute, as anybody can make up names of projects."""
        if now - self._swept >= MINUTE:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._swept = now

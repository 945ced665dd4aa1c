"""How often a project may start builds: a token bucket for each. Pure; time is passed in."""

from typing import Final

MINUTE: Final = 60.0


class RateLimit:
    """Lets each project start `per_minute` builds at once, and as many a minute from then on.

    A bucket is kept as the moment at which it is full again: every start moves it by the time one
    token takes to come, and a bucket that is full needs no keeping.
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
        if wait > self._interval / 1000:  # rounding: what is asked for on time is allowed
            return wait
        self._full_at[project] = full_at
        return 0.0

    def _sweep(self, now: float) -> None:
        """Forget the full buckets once a minute: anybody can make up projects."""
        if now - self._swept >= MINUTE:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._swept = now

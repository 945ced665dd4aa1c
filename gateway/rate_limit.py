"""Limits a minute, each of many names: token buckets. Pure; time is passed in, in seconds.

Of commands, by projects, addresses and principals; of sign-ins that fail, by addresses; of sessions
and links, by principals.
"""

from collections.abc import Mapping
from typing import Final

MINUTE: Final = 60.0
_REMEMBERED: Final = 10_000
"""Names that are remembered, those that were counted last: strangers make some up."""


class RateLimit:
    """Lets each name have `per_minute` at once, and as many a minute from then on.

    A bucket is stored as the moment at which it is full again (GCRA): each one moves that moment
    by the time in which one token comes. A full bucket need not be stored.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval = MINUTE / per_minute
        self._full_at: dict[str, float] = {}
        self._swept = 0.0

    def wait(self, name: str, now: float) -> float:
        """Return the seconds until the next one is allowed, 0 when it is."""
        wait = self._after(name, now) - now - MINUTE
        return wait if wait > self._interval / 1000 else 0.0  # rounding: one on time is allowed

    def take(self, name: str, now: float) -> float:
        """Count one and return 0, or return the seconds until the next one is allowed."""
        self._sweep(now)
        if not (wait := self.wait(name, now)):
            full_at = self._after(name, now)
            self._full_at.pop(name, None)
            self._full_at[name] = full_at
            if len(self._full_at) > _REMEMBERED:
                del self._full_at[next(iter(self._full_at))]
        return wait

    def _after(self, name: str, now: float) -> float:
        return max(self._full_at.get(name, now), now) + self._interval

    def _sweep(self, now: float) -> None:
        """Forget full buckets once a minute, as anybody can make up names."""
        if now - self._swept >= MINUTE:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._swept = now


class RateLimits:
    """Several limits that a command has to keep, by the options that set them. 0: no limit."""

    def __init__(self, per_minute: Mapping[str, int]) -> None:
        self.per_minute = per_minute
        self._limits = {limit: RateLimit(most) for limit, most in per_minute.items() if most}

    def look(self, names: Mapping[str, str], now: float) -> tuple[str, float] | None:
        """Return the limit that is reached and the seconds to wait, None when none is.

        `names` says for each limit whose commands it counts; one that has no name is not looked at.
        """
        waits = {
            limit: wait
            for limit, each in self._limits.items()
            if limit in names and (wait := each.wait(names[limit], now))
        }
        return max(waits.items(), key=lambda found: found[1]) if waits else None

    def take(self, names: Mapping[str, str], now: float) -> tuple[str, float] | None:
        """Count a command in all limits, or in none if one is reached: then as `look`."""
        if reached := self.look(names, now):
            return reached
        for limit, each in self._limits.items():
            if limit in names:
                each.take(names[limit], now)
        return None

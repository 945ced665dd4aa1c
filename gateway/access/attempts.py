"""The limit of attempts a minute, for each of many. Pure; time is passed in, in seconds.

Only who has tried is remembered, for a minute: addresses whose sign-ins fail, and principals who
make sessions and links. One whose attempts are used up is refused before anything is looked up, so
guessing costs next to nothing.
"""

from collections import OrderedDict
from typing import Final

MINUTE: Final = 60.0
MOST: Final = 10
"""Failures a minute."""
_REMEMBERED: Final = 10_000


class Attempts:
    """Counts attempts of the last minute, of each name; `most` are allowed."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._made: OrderedDict[str, list[float]] = OrderedDict()
        self.counted = 0
        """How many attempts were counted."""
        self.refused = 0
        """How many attempts were refused."""

    def wait(self, name: str, now: float) -> float:
        """Return the seconds until the next attempt; 0: it may be made."""
        recent = [at for at in self._made.get(name, ()) if now - at < MINUTE]
        if len(recent) < self._most:
            return 0.0
        self.refused += 1
        return recent[-self._most] + MINUTE - now

    def fail(self, name: str, now: float) -> None:
        """Count an attempt."""
        self.counted += 1
        made = self._made.setdefault(name, [])
        made[:] = [*(at for at in made if now - at < MINUTE), now][-self._most :]
        self._made.move_to_end(name)
        if len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)

"""The limit of log lines that strangers can cause. Pure; time is passed in, in seconds."""

from collections.abc import Hashable
from typing import Final

MINUTE: Final = 60.0


class LogLimit:
    """Lets each fact pass once a minute, and at most `facts` different ones in a minute.

    Only facts that have passed are stored, so strangers cannot make it grow.
    """

    def __init__(self, facts: int) -> None:
        self._facts = facts
        self._passed: dict[Hashable, float] = {}
        self._left_out = 0

    def take(self, fact: Hashable, now: float) -> int | None:
        """Return how many were left out since the last that passed, None to leave this out too."""
        self._passed = {known: at for known, at in self._passed.items() if now - at < MINUTE}
        if fact in self._passed or len(self._passed) >= self._facts:
            self._left_out += 1
            return None
        self._passed[fact] = now
        left_out, self._left_out = self._left_out, 0
        return left_out

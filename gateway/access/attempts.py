"""The limit of failed attempts to sign in, for each address. Pure; time is passed in, in seconds.

Only an address that fails is remembered, for a minute. One whose attempts are used up is refused
before anything is looked up, so guessing costs next to nothing.
"""

from collections import OrderedDict
from typing import Final

MINUTE: Final = 60.0
MOST: Final = 10
"""Failures a minute."""
_ADDRESSES: Final = 10_000


class Attempts:
    """Counts failures by address, of the last minute."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self.refused = 0
        """How many attempts were refused without a look."""

    def wait(self, address: str, now: float) -> float:
        """Return the seconds until the next attempt of an address; 0: it may try."""
        recent = [at for at in self._failures.get(address, ()) if now - at < MINUTE]
        if len(recent) < MOST:
            return 0.0
        self.refused += 1
        return recent[-MOST] + MINUTE - now

    def fail(self, address: str, now: float) -> None:
        """Count a failure."""
        failures = self._failures.setdefault(address, [])
        failures[:] = [*(at for at in failures if now - at < MINUTE), now][-MOST:]
        self._failures.move_to_end(address)
        if len(self._failures) > _ADDRESSES:
            self._failures.popitem(last=False)

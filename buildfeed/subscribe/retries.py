"""The pauses after which an activity is tried again whose handler failed. Pure."""

from collections.abc import Iterator
from typing import Final

FIRST_SECONDS: Final = 0.5
MAX_SECONDS: Final = 60.0
"""The first pause, and the longest one: each is twice as long as the one before."""


def pauses(patience: float) -> Iterator[float]:
    """Yield pauses in seconds, which are `patience` seconds together."""
    pause = FIRST_SECONDS
    while patience > 0:
        pause = min(pause, patience)
        yield pause
        patience -= pause
        pause = min(2 * pause, MAX_SECONDS)

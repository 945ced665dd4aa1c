"""The limits of a worker, and the pause before a further attempt. Pure."""

from typing import Final

import msgspec

_LONGEST_PAUSE: Final = 30.0
"""Seconds."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a worker.

    A build fails when it was begun `max_attempts` times and never ended, or when one attempt takes
    longer than `max_seconds`. While the event loop is late by more than `max_lag` seconds, the
    worker takes no start.
    """

    max_attempts: int = 10
    max_seconds: float = 86_400
    max_lag: float = 0.5


def pause(attempt: int) -> float:
    """Return the seconds to wait before `attempt`: 0, 0, 1, 2, 4 … 30.

    Without a pause, a build that crashes its worker would do it many times a second.
    """
    doublings = attempt - 3
    return 0.0 if doublings < 0 else min(2.0 ** min(doublings, 5), _LONGEST_PAUSE)

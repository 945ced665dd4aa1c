"""A bound on the CPU time of a piece of work, for tests."""

import time
from collections.abc import Callable

_TRIES = 3


def within(seconds: float, work: Callable[[], object]) -> bool:
    """Tell whether `work` takes less CPU seconds of this thread, once of three times.

    One time may have a collection of garbage in it, which belongs to all tests before.
    """
    return any(_cpu_seconds(work) < seconds for _ in range(_TRIES))


def _cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun

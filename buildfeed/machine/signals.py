"""The signals that end a command in order, and a terminal that was closed."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""A closed terminal sends SIGHUP, Ctrl-\\ sends SIGQUIT."""


def ending() -> list[signal.Signals]:
    """Return those of `ENDING` that are not ignored: `nohup` has a command ignore SIGHUP."""
    return [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]


class Asked:
    """Whether a signal has asked for the end; those of `ENDING` ask from now on.

    In the main thread only. Not a `threading.Event`: a handler runs in the middle of whatever the
    main thread does, and where that is a wait for the event, `set` waits for a lock that the same
    thread has, for ever. `SimpleQueue.put` may interrupt `get` (Python's `queue`, "reentrant").
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[int] = SimpleQueue()
        for number in ending():
            signal.signal(number, lambda number, _: self._asked.put(number))

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for it; tell whether one has asked."""
        with suppress(Empty):
            self._asked.put(self._asked.get(timeout=seconds))
            return True
        return False


def as_terminations() -> None:
    """Have SIGHUP and SIGQUIT do what SIGTERM does, for a library that knows only that."""
    for number in ending():
        if number in (signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def terminal_watch() -> Callable[[], bool]:
    """Return a function that tells whether a SIGHUP came because the terminal was closed.

    The kernel takes the terminal away from the whole session then. Without a terminal, or under
    `nohup`, SIGHUP is a request like any other.
    """
    watched = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()
    return lambda: watched and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True

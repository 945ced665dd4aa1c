"""The signals that end an app: SIGTERM of a supervisor, SIGINT of Ctrl-C."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first signal that ends a program; a second one does what it did before.

    A second Ctrl-C ends it by the signal, as Python's own KeyboardInterrupt would be a traceback
    in whatever runs. Only the main thread can: another one raises ValueError.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: FrameType | None) -> None:
        restore()
        if before[signal.SIGINT] is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # In a thread of its own: the main thread may hold the lock that `stop` needs.
        threading.Thread(target=stop, name="stop").start()

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as in the background of a shell
            signal.signal(number, end)
    try:
        yield
    finally:
        restore()

"""The terminals of a command: our own, and the pseudo-terminal that stands in for it."""

import fcntl
import os
import termios
import threading
import tty
from contextlib import suppress
from typing import Any, Final

STANDARD_INPUT: Final = 0
STANDARD_OUTPUT: Final = 1
STANDARD_ERROR: Final = 2
_WINDOW_SIZE: Final = b"\0" * 8
"""struct winsize of ioctl_tty(2): rows, columns, and two of pixels."""


def is_terminal(descriptor: int) -> bool:
    """Tell whether a terminal is open there, which still answers."""
    return os.isatty(descriptor)


def has_controlling_terminal() -> bool:
    """Tell whether keys of a terminal can send signals to our process group."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def open_pseudo_terminal() -> tuple[int, int]:
    """Return the two ends of a pseudo-terminal like our own: ours, and that of the command.

    While we are in the background, our own may have the modes in which a shell edits lines.
    """
    ours, theirs = os.openpty()
    with suppress(OSError, termios.error):
        if _is_in_foreground(STANDARD_OUTPUT):
            termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(STANDARD_OUTPUT))
    copy_size(STANDARD_OUTPUT, ours)
    os.set_blocking(ours, False)
    return ours, theirs


def copy_size(source: int, target: int) -> None:
    """Give a terminal the window size of another; its foreground group gets SIGWINCH."""
    with suppress(OSError):
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, _WINDOW_SIZE)
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


class Keyboard:
    """Our own terminal, as far as people type there. Any thread may use it.

    While it is taken it is in raw mode: each key is a byte to read, and means something only to the
    pseudo-terminal that the bytes are written to. In the background it is the shell's.
    """

    def __init__(self, descriptor: int = STANDARD_INPUT) -> None:
        self.descriptor = descriptor
        self._lock = threading.Lock()
        self._wanted = True
        self._before: list[Any] | None = None

    def take(self) -> bool:
        """Take it unless it was released or we are in the background; tell whether it is taken."""
        with self._lock:
            try:
                if not (self._wanted and _is_in_foreground(self.descriptor)):
                    return False
                if self._before is None:
                    before = termios.tcgetattr(self.descriptor)
                    tty.setraw(self.descriptor, termios.TCSADRAIN)
                    self._before = before
            except (OSError, termios.error):  # it was closed
                return False
            return True

    def release(self) -> None:
        """Give it back as it was, until `reclaim`."""
        with self._lock:
            self._wanted = False
            before, self._before = self._before, None
            if before is not None:
                with suppress(OSError, termios.error):
                    termios.tcsetattr(self.descriptor, termios.TCSADRAIN, before)

    def reclaim(self) -> None:
        """Take it again, as soon as we are in the foreground."""
        with self._lock:
            self._wanted = True
        self.take()


def _is_in_foreground(descriptor: int) -> bool:
    """Tell whether keys of a terminal are for our process group; raises OSError."""
    return os.tcgetpgrp(descriptor) == os.getpgrp()

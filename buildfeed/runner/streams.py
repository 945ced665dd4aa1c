"""The ends of a relay: the streams of a command, and the keys for it. None of them blocks."""

import errno
import fcntl
import os
import select
import stat
import struct
import termios
from contextlib import suppress
from typing import Final

from buildfeed.runner.terminal import Keyboard

MOST: Final = 65_536
"""Bytes that are read at a time: the usual capacity of a pipe."""
_AT_ONCE: Final = select.PIPE_BUF
"""Bytes that a pipe takes without blocking, when `poll` says that it takes any (pipe(7))."""
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)
"""With this flag a pipe takes what it has room for (pwritev2(2)): mostly all of it at once. Kernels
before 6.4 say that they do not know it for a pipe."""
_IN_TERMINAL: Final = 2 * MOST
"""Bytes that a pseudo-terminal may hold; it does not tell how many there are."""


class Stream:
    """One stream of the command: read from `source`, written to `target` unless that is None."""

    def __init__(self, source: int, target: int | None, number: int) -> None:
        self.source = source
        self.number = number
        self.open = True
        self.pending = memoryview(b"")
        self.due = 0
        """Bytes from before the end of the command that are still to be read."""
        self._target = target
        mode = os.fstat(target).st_mode if target is not None else 0
        self._at_once = MOST if stat.S_ISREG(mode) else _AT_ONCE
        self._flags = _NOWAIT if stat.S_ISFIFO(mode) else 0

    @property
    def interest(self) -> tuple[int, int]:
        """The descriptor to wait for, and the event of poll(2)."""
        if self.pending and self._target is not None:
            return self._target, select.POLLOUT
        return self.source, select.POLLIN

    def read(self) -> bytes:
        """Return what there is; nothing at the end, when it closes the stream."""
        try:
            data = os.read(self.source, MOST)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: nobody has the other end of the pseudo-terminal
            data = b""
        if not data:
            self.close()
        elif self._target is not None:
            self.pending = memoryview(data)
        self.due -= len(data)
        return data

    def write(self) -> None:
        """Write some of what was read; close the stream if our own takes nothing any more."""
        if self._target is None:
            return
        try:
            self.pending = self.pending[self._write(self._target) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _write(self, target: int) -> int:
        if self._flags:
            try:
                return os.pwritev(target, [self.pending], -1, self._flags)
            except OSError as exc:
                if exc.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                    raise
                self._flags = 0
        return os.write(target, self.pending[: self._at_once])

    def note_end(self) -> None:
        """Note how much is in it now that the command has ended."""
        self.due = _IN_TERMINAL
        if self.open and not os.isatty(self.source):
            with suppress(OSError):
                (self.due,) = struct.unpack(
                    "i", fcntl.ioctl(self.source, termios.FIONREAD, b"0000")
                )

    def close(self) -> None:
        """Let go of it."""
        if self.open:
            self.open = False
            self.pending = memoryview(b"")
            os.close(self.source)


class Keys:
    """What people type, written to the pseudo-terminal whose output is `stream`."""

    def __init__(self, keyboard: Keyboard, stream: Stream) -> None:
        self._keyboard = keyboard
        self._stream = stream
        self._pending = b""
        self._open = True
        self.elsewhere = False
        """True while the keyboard is not ours; nothing tells when it is again."""

    @property
    def interest(self) -> tuple[int, int] | None:
        """The descriptor to wait for, and the event; None while there is nothing to wait for."""
        self.elsewhere = False
        if not (self._open and self._stream.open):
            return None
        if self._pending:
            return self._stream.source, select.POLLOUT
        if self._keyboard.take():
            return self._keyboard.descriptor, select.POLLIN
        self.elsewhere = True
        return None

    def move(self) -> None:
        """Read, or write what was read."""
        try:
            if not self._pending:
                self._pending = os.read(self._keyboard.descriptor, _AT_ONCE)
                self._open = bool(self._pending)
            self._pending = self._pending[os.write(self._stream.source, self._pending) :]
        except BlockingIOError:
            pass
        except OSError:  # our terminal was closed
            self._open = False

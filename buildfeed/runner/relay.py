"""The relay between a command and our own streams: bytes pass through it as they are.

A stream is read only when what was read before has been written, so the command waits for a slow
terminal or pipe as it would without us, and 64 KiB of each stream are in memory at most. Nothing
is written that could block, so one slow stream keeps up neither the other nor the keyboard. Where
our own stream takes nothing any more, as below `| head`, the relay closes the stream of the
command, which gets SIGPIPE when it writes again.

A process that the command leaves behind, as a daemon, may hold a stream open for ever. So once the
command has ended, a stream that has not ended too is read for half a second more, and longer while
bytes from before the end are in it.
"""

import fcntl
import logging
import os
import select
import stat
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from buildfeed.runner.terminal import Keyboard

Output = Callable[[bytes, int], None]
"""Is given each chunk of output, and the stream that it is of: 1 or 2. It must not block."""

_MOST: Final = 65_536
"""Bytes that are read at a time: the usual capacity of a pipe."""
_AT_ONCE: Final = select.PIPE_BUF
"""Bytes that a pipe takes without blocking, when `poll` says that it takes any (pipe(7))."""
_FAULTS: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL
_LINGER_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.001
"""Shortest time between two reads of little: a line at a time costs more than it is worth."""
_LITTLE: Final = 4096
_IN_TERMINAL: Final = 2 * _MOST
"""Bytes that a pseudo-terminal may hold; it does not tell how many there are."""

log = logging.getLogger(__name__)


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
        self._at_once = _AT_ONCE
        if target is not None and stat.S_ISREG(os.fstat(target).st_mode):
            self._at_once = _MOST

    @property
    def interest(self) -> tuple[int, int]:
        """The descriptor to wait for, and the event of poll(2)."""
        if self.pending and self._target is not None:
            return self._target, select.POLLOUT
        return self.source, select.POLLIN

    def read(self) -> bytes:
        """Return what there is; nothing at the end, when it closes the stream."""
        try:
            data = os.read(self.source, _MOST)
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
            written = os.write(self._target, self.pending[: self._at_once])
            self.pending = self.pending[written:]
        except BlockingIOError:
            pass
        except OSError:
            self.close()

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


class Relay:
    """Passes on what the command writes, and what people type, until the command has ended.

    `hear` is called when `control` can be read; it returns True when the command has ended. Once
    `hurried` is set, readers of ours that take nothing are not waited for.
    """

    def __init__(
        self,
        streams: list[Stream],
        keys: Keys | None,
        output: Output,
        *,
        control: int,
        hear: Callable[[], bool],
        hurried: threading.Event,
    ) -> None:
        self._streams = streams
        self._keys = keys
        self._output: Output | None = output
        self._control = control
        self._hear = hear
        self._ended_at: float | None = None
        self._little = False
        self._read_at = 0.0
        self._hurried = hurried

    def run(self) -> None:
        """Return when the command has ended and its output has been passed on."""
        while self._ended_at is None or any(stream.open for stream in self._streams):
            ready = self._wait()
            self._move(ready)
            if self._ended_at is not None:
                self._close_what_is_over(ready)
            elif self._control in ready and self._hear():
                self._ended_at = time.monotonic()
                for stream in self._streams:
                    stream.note_end()

    def close(self) -> None:
        """Let go of all streams."""
        for stream in self._streams:
            stream.close()

    def _wait(self) -> dict[int, int]:
        """Return the descriptors that are ready, with their events."""
        wanted: dict[int, int] = {}
        for interest in self._interests():
            wanted[interest[0]] = wanted.get(interest[0], 0) | interest[1]
        poll = select.poll()
        for descriptor, event in wanted.items():
            poll.register(descriptor, event)
        return dict(poll.poll(self._patience()))

    def _interests(self) -> Iterator[tuple[int, int]]:
        if self._ended_at is None:
            yield self._control, select.POLLIN
            if self._keys and (interest := self._keys.interest):
                yield interest
        for stream in self._streams:
            if stream.open:
                yield stream.interest

    def _patience(self) -> float | None:
        """Return for how many milliseconds to wait if nothing is ready."""
        if self._ended_at is not None:
            left = self._ended_at + _LINGER_SECONDS - time.monotonic()
            is_full = any(stream.pending for stream in self._streams)
            return 1000 * (_LOOK_SECONDS if is_full and left < 0 else max(left, 0))
        return 1000 * _LOOK_SECONDS if self._keys and self._keys.elsewhere else None

    def _move(self, ready: dict[int, int]) -> None:
        """Read and write where that is possible now."""
        if self._keys and _is_ready(self._keys.interest, ready):
            self._keys.move()
        full = [stream for stream in self._streams if stream.pending]
        empty = [stream for stream in self._streams if stream.open and not stream.pending]
        for stream in full:
            if _is_ready(stream.interest, ready):
                stream.write()
        readable = [stream for stream in empty if _is_ready(stream.interest, ready)]
        if not readable:
            return
        if self._little and time.monotonic() - self._read_at < _PAUSE_SECONDS:
            time.sleep(_PAUSE_SECONDS)
        size = 0
        for stream in readable:
            if data := stream.read():
                size += len(data)
                self._tell(data, stream.number)
        self._little = len(self._streams) == 1 and size <= _LITTLE
        self._read_at = time.monotonic()

    def _tell(self, data: bytes, number: int) -> None:
        if self._output:
            try:
                self._output(data, number)
            except Exception:
                log.exception("build.output_failed")
                self._output = None  # the build goes on

    def _close_what_is_over(self, ready: dict[int, int]) -> None:
        """After the end of the command, close the streams that others hold open."""
        assert self._ended_at is not None  # noqa: S101 - for the type
        if time.monotonic() < self._ended_at + _LINGER_SECONDS:
            return
        for stream in self._streams:
            is_read = not stream.pending and (stream.due <= 0 or stream.source not in ready)
            if is_read or self._hurried.is_set():
                stream.close()


def _is_ready(interest: tuple[int, int] | None, ready: dict[int, int]) -> bool:
    if interest is None:
        return False
    descriptor, event = interest
    return bool(ready.get(descriptor, 0) & (event | _FAULTS))

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

import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from buildfeed.runner.streams import Keys, Stream

Output = Callable[[bytes, int], None]
"""Is given each chunk of output, and the stream that it is of: 1 or 2. It must not block."""

_FAULTS: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL
_LINGER_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.001
"""Shortest time between two reads of little: a line at a time costs more than it is worth."""
_LITTLE: Final = 4096

log = logging.getLogger(__name__)


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
        self._wanted: dict[int, int] = {}
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
        self._wanted.clear()
        for descriptor, event in self._interests():
            self._wanted[descriptor] = self._wanted.get(descriptor, 0) | event
        poll = select.poll()
        for descriptor, events in self._wanted.items():
            poll.register(descriptor, events)
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
            is_quiet = stream.source in self._wanted and stream.source not in ready
            is_read = not stream.pending and (stream.due <= 0 or is_quiet)
            if is_read or self._hurried.is_set():
                stream.close()


def _is_ready(interest: tuple[int, int] | None, ready: dict[int, int]) -> bool:
    if interest is None:
        return False
    descriptor, event = interest
    return bool(ready.get(descriptor, 0) & (event | _FAULTS))

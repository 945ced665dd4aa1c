"""What a command says while it runs, read as it comes: its output, and its progress file.

The command never waits: the thread of its relay puts its output here, and whoever tells of the
build reads it in turns. What nobody thought of ends the reading, and not the build.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.unread import Unread

TURN_SECONDS: Final = 0.05
"""Seconds between two turns, and about the longest that one takes."""
_REST_SECONDS: Final = 2.0
"""How long output is read after the end of the command, which may print faster than it is read."""
_LAST_BYTES: Final = 256 * 1024
"""Bytes of what is unread then that are read too: the end of an output says the most."""

log = logging.getLogger(__name__)


def _nobody() -> None:
    """Tell nobody."""


class CommandReader:
    """Reads one run of a command by `reader`; give `put` to the command, or to `unread`."""

    def __init__(
        self, reader: OutputReader, progress_file: ProgressFile, unread: Unread | None = None
    ) -> None:
        self._reader = reader
        self._progress_file = progress_file
        self._unread = unread or Unread()
        self._failed = False

    def put(self, data: bytes, stream: int) -> None:
        """Take output, in any thread; it does not wait."""
        self._unread.put(data, stream)

    def wait(self) -> None:
        """Wait for output, a turn at most."""
        self._unread.wait(TURN_SECONDS)

    def turn(self, tell: Callable[[], None] = _nobody) -> None:
        """Read what came since the last turn, if that is much a part of it; then `tell`."""
        self._safely(partial(self._turn, tell))

    def end(self, *, succeeded: bool, tell: Callable[[], None] = _nobody) -> None:
        """Read the rest, once the command has ended, and `tell` meanwhile; of much, its end."""
        self._safely(partial(self._end, tell, succeeded=succeeded))

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            if not self._failed:
                step()
        except Exception:
            self._failed = True
            log.exception("build.reading_failed")
        if self._failed:
            while self._unread.take():
                pass

    def _turn(self, tell: Callable[[], None]) -> None:
        self._read()
        now = time.monotonic()
        self._reader.told(self._progress_file.read(), now)
        self._reader.pass_time(now)
        tell()

    def _end(self, tell: Callable[[], None], *, succeeded: bool) -> None:
        last = time.monotonic() + _REST_SECONDS
        while time.monotonic() < last and self._read():
            tell()
        self._unread.shorten(_LAST_BYTES)
        while self._read():
            tell()
        now = time.monotonic()
        self._reader.told(self._progress_file.end(), now)
        self._reader.end(now, succeeded=succeeded)

    def _read(self) -> bool:
        """Read what waits; return True if there may be more."""
        began = now = time.monotonic()
        while now - began < TURN_SECONDS:
            chunk = self._unread.take()
            if chunk is None:
                return False
            if chunk.left_out:
                self._reader.skip(chunk.left_out, chunk.stream)
            else:
                self._reader.read(chunk.data, chunk.stream, now)
            now = time.monotonic()
        return True

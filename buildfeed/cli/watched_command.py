"""A command that is run in our place, and read meanwhile.

The command never waits: its output is kept by the thread of its relay, and read in the main thread,
which also tells what was found.
"""

import logging
import signal
import time
from collections.abc import Callable
from typing import Final

import click

from buildfeed.activity import Status
from buildfeed.cli.own_build import OwnBuild
from buildfeed.runner import terminal
from buildfeed.runner.command import Command
from buildfeed.runner.foreground import in_foreground
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.unread import Unread

_TURN_SECONDS: Final = 0.05
_NOT_TAKEN: Final = "buildfeed: the broker has not taken the end of this build"

log = logging.getLogger(__name__)


class WatchedCommand:
    """One run of a command: `reader` reads it, and `own_build` tells of it, if anybody is there."""

    def __init__(
        self,
        command: tuple[str, ...],
        environment: dict[str, str],
        reader: OutputReader,
        progress_file: ProgressFile,
        own_build: OwnBuild | None,
    ) -> None:
        self._reader = reader
        self._progress_file = progress_file
        self._own_build = own_build
        self._unread = Unread()
        self._terminated = False
        self._failed = False
        self._command = Command(
            command,
            directory=None,
            environment=environment,
            output=self._unread.put,
            terminal=terminal.is_terminal(terminal.STANDARD_OUTPUT),
        )

    def until_ended(self, stop_signal: signal.Signals, kill_after: float) -> int:
        """Return the exit code of the command; raises CannotRun."""
        stopping = False
        with in_foreground(self._command, self._terminate):
            if self._own_build:
                self._own_build.begin()
            while not self._command.ended.done():
                if not stopping and self._is_to_stop:
                    stopping = True
                    self._command.stop(stop_signal, kill_after)
                self._unread.wait(_TURN_SECONDS)
                self._safely(self._turn)
            code = self._command.wait()
        self._safely(self._read_rest)
        if self._own_build:
            status: Status = "failed" if code else "succeeded"
            if stopping:
                status = "stopped"
            if not self._own_build.end(status, code):
                because = f": {self._own_build.trouble}" if self._own_build.trouble else ""
                click.echo(f"{_NOT_TAKEN}{because}.", err=True)
        return code

    @property
    def _is_to_stop(self) -> bool:
        return self._terminated or (self._own_build is not None and self._own_build.stopped)

    def _terminate(self) -> None:
        self._terminated = True

    def _safely(self, step: Callable[[], None]) -> None:
        """Do a step of reading. What nobody thought of ends the reading, and not the build."""
        try:
            if not self._failed:
                step()
        except Exception:
            self._failed = True
            log.exception("build.reading_failed")
        if self._failed:
            while self._unread.take():
                pass

    def _turn(self) -> None:
        now = time.monotonic()
        self._read(now)
        self._reader.told(self._progress_file.read(), now)
        self._reader.pass_time(now)
        if self._own_build:
            self._own_build.tell(now)

    def _read_rest(self) -> None:
        now = time.monotonic()
        self._read(now)
        self._reader.told(self._progress_file.end(), now)
        self._reader.end(now)

    def _read(self, now: float) -> None:
        """Read all that waits, and tell what was found whenever it takes long."""
        while chunk := self._unread.take():
            if chunk.left_out:
                self._reader.skip(chunk.left_out, chunk.stream, now)
            else:
                self._reader.read(chunk.data, chunk.stream, now)
            if self._own_build and time.monotonic() - now > _TURN_SECONDS:
                now = time.monotonic()
                self._own_build.tell(now)

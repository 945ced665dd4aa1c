"""A command that is run in our place, and read meanwhile in the main thread, which also tells."""

import signal
import time
from typing import Final

import click

from buildfeed.activity import Status
from buildfeed.cli.own_build import OwnBuild
from buildfeed.runner import terminal
from buildfeed.runner.command import Command
from buildfeed.runner.command_reader import CommandReader
from buildfeed.runner.foreground import in_foreground
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile

_NOBODY: Final = "buildfeed: nobody sees this build"
_NOT_TAKEN: Final = "buildfeed: the broker has not taken the end of this build"


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
        self._reader = CommandReader(reader, progress_file)
        self._own_build = own_build
        self._terminated = False
        self._command = Command(
            command,
            directory=None,
            environment=environment,
            output=self._reader.put,
            terminal=terminal.is_terminal(terminal.STANDARD_OUTPUT),
        )

    def until_ended(self, stop_signal: signal.Signals, kill_after: float) -> int:
        """Return the exit code of the command; raises CannotRun."""
        stopping = False
        with in_foreground(self._command, self._terminate):
            self._begin()
            while not self._command.ended.done():
                if not stopping and self._is_to_stop:
                    stopping = True
                    self._command.stop(stop_signal, kill_after)
                self._reader.wait()
                self._reader.turn(self._tell)
            code = self._command.wait()
        self._reader.end(succeeded=code == 0, tell=self._tell)
        if self._own_build:
            status: Status = "failed" if code else "succeeded"
            if stopping:
                status = "stopped"
            self._end(self._own_build, status, code)
        return code

    def _begin(self) -> None:
        """Begin to tell of the build, if that is possible; the command runs in any case."""
        try:
            if self._own_build:
                self._own_build.begin()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the command is not ended by it
            self._own_build = None
            click.echo(f"{_NOBODY}: {exc}", err=True)

    def _end(self, own_build: OwnBuild, status: Status, code: int) -> None:
        try:
            if own_build.end(status, code):
                return
            because = f": {own_build.trouble}" if own_build.trouble else ""
        except Exception as exc:  # noqa: BLE001 - the exit code of the command is what counts
            because = f": {exc}"
        click.echo(f"{_NOT_TAKEN}{because}.", err=True)

    @property
    def _is_to_stop(self) -> bool:
        return self._terminated or (self._own_build is not None and self._own_build.stopped)

    def _terminate(self) -> None:
        self._terminated = True

    def _tell(self) -> None:
        if self._own_build:
            self._own_build.tell(time.monotonic())

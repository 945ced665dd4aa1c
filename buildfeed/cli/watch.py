"""What goes on beside a command that runs: its output is read, and its build is told."""

import time
from typing import Final

import click

from buildfeed.activity import Status
from buildfeed.cli.own_build import OwnBuild
from buildfeed.runner.command_reader import CommandReader
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.unread import Unread

_NOT_TAKEN: Final = "buildfeed: the broker has not taken the end of this build"


class Watch:
    """Reads a command by `reader`, what is `unread` of it, and tells of it by `own_build`."""

    def __init__(
        self,
        unread: Unread,
        progress_file: ProgressFile,
        reader: OutputReader,
        own_build: OwnBuild,
    ) -> None:
        self._reader = CommandReader(reader, progress_file, unread)
        self._own_build = own_build
        own_build.begin()

    @property
    def stopped(self) -> bool:
        """Whether somebody has asked to stop the build."""
        return self._own_build.stopped

    def turn(self) -> None:
        """Wait for output, a turn at most; read it, and tell what is new."""
        self._reader.wait()
        self._reader.turn(self._tell)

    def end(self, status: Status, code: int) -> None:
        """Read the rest, once the command has ended, and tell how it ended; raises nothing."""
        self._reader.end(succeeded=code == 0, tell=self._tell)
        try:
            if self._own_build.end(status, code):
                return
            because = f": {self._own_build.trouble}" if self._own_build.trouble else ""
        except Exception as exc:  # noqa: BLE001 - the exit code of the command is what counts
            because = f": {exc}"
        click.echo(f"{_NOT_TAKEN}{because}.", err=True)

    def _tell(self) -> None:
        self._own_build.tell(time.monotonic())

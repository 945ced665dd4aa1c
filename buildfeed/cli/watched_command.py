"""A command that is run in our place, and watched meanwhile in the main thread."""

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from buildfeed.runner import terminal
from buildfeed.runner.command import Command
from buildfeed.runner.foreground import in_foreground
from buildfeed.runner.unread import Unread

if TYPE_CHECKING:
    from buildfeed.activity import Status
    from buildfeed.cli.watch import Watch

_NOBODY: Final = "buildfeed: nobody sees this build"
_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks whether a command that nobody watches has ended."""


class WatchedCommand:
    """One run of a command. `watch` is called once it runs, with what will be unread of it.

    Whatever fails in the watch, the command goes on. Without one nobody reads.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        environment: dict[str, str],
        watch: "Callable[[Unread], Watch] | None",
    ) -> None:
        self._unread = Unread()
        self._begin_watch = watch
        self._watch: Watch | None = None
        self._terminated = False
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
            self._begin()
            while not self._command.ended.done():
                if not stopping and self._is_to_stop:
                    stopping = True
                    self._command.stop(stop_signal, kill_after)
                if self._watch:
                    self._watch.turn()
                else:
                    time.sleep(_LOOK_SECONDS)
            code = self._command.wait()
        status: Status = "failed" if code else "succeeded"
        if self._watch:
            self._watch.end("stopped" if stopping else status, code)
        return code

    def _begin(self) -> None:
        try:
            if self._begin_watch:
                self._watch = self._begin_watch(self._unread)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the command is not ended by it
            click.echo(f"{_NOBODY}: {exc}", err=True)

    @property
    def _is_to_stop(self) -> bool:
        return self._terminated or (self._watch is not None and self._watch.stopped)

    def _terminate(self) -> None:
        self._terminated = True

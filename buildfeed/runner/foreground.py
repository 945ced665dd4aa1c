"""A command in our place: what a shell, a terminal or a CI system does to us reaches the command.

Where the command has a pseudo-terminal, the keys are bytes that pass through, and only Ctrl-Z comes
back: the command stops, so we give the terminal back and stop too; `fg` continues both. Where it
has pipes, the terminal sends its signals to the whole process group, so the command has them
already, and we stop and continue with it.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from buildfeed.runner.command import Command

_PASSED_ON: Final = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2),
)


@contextmanager
def in_foreground(command: Command, terminate: Callable[[], None]) -> Iterator[None]:
    """Start a command; within the context signals are for it, and the terminal is its own.

    `terminate` is called when we are asked to end (SIGTERM); mostly it stops the command. Signals
    that are ignored, as SIGHUP below `nohup`, are ignored by the command too. In the main thread
    only. Raises CannotRun.
    """
    foreground = _Foreground(command, terminate)
    command.on_stopped = foreground.stopped
    before = {
        number: signal.signal(number, handler)
        for number, handler in foreground.handlers.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        command.start()
        yield
    finally:
        if command.keyboard:
            command.keyboard.release()
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


_Handler = Callable[[int, object], None]


class _Foreground:
    """The handlers of signals, all in the main thread."""

    def __init__(self, command: Command, terminate: Callable[[], None]) -> None:
        self._command = command
        self._is_stopped = False
        self._goes_on = True
        self.handlers: dict[signal.Signals, _Handler] = {
            signal.SIGTERM: lambda *_: terminate(),
            **{number: lambda number, _: command.send(number) for number in _PASSED_ON},
        }
        if command.has_pseudo_terminal:
            self.handlers[signal.SIGWINCH] = lambda *_: command.resize()
            self.handlers[signal.SIGCONT] = self._go_on
            self.handlers[signal.SIGTSTP] = self._stop

    def stopped(self) -> None:
        """Have the main thread stop us, as the command has been stopped."""
        self._is_stopped = True
        os.kill(os.getpid(), signal.SIGTSTP)

    def _stop(self, _number: int, _frame: object) -> None:
        """Stop the command; once it is stopped, stop our process group until somebody says `fg`."""
        if not self._is_stopped:
            self._command.send(signal.SIGTSTP)
            return
        self._is_stopped = False
        if self._command.keyboard:
            self._command.keyboard.release()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._goes_on = False
        os.killpg(0, signal.SIGTSTP)  # our process stands still here, until SIGCONT
        signal.signal(signal.SIGTSTP, self._stop)
        if not self._goes_on:  # without a shell above us nothing stops us (POSIX, orphaned groups)
            self._go_on()

    def _go_on(self, *_: object) -> None:
        self._goes_on = True
        if self._command.keyboard:
            self._command.keyboard.reclaim()
        self._command.resize()
        self._command.resume()

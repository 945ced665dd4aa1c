"""A command that is run unchanged, while somebody reads its output.

It has our environment and files as it would without us, and a pseudo-terminal where our own output
is a terminal, else pipes. Its processes are the business of a guardian (`guardian.py`), its bytes
that of a relay (`relay.py`), which has a thread of its own: the command never waits for whoever
reads, nor for the thread or the event loop that started it.

Where our standard output and error are one pipe or file, the command has one pipe for both too, so
that their order stays exact. Else they are two pipes, whose order is that in which they were read.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from buildfeed.runner import terminal
from buildfeed.runner.guarded import Guarded, Place
from buildfeed.runner.relay import Output, Relay
from buildfeed.runner.streams import Keys, Stream
from buildfeed.runner.terminal import STANDARD_ERROR, STANDARD_INPUT, STANDARD_OUTPUT, Keyboard

KILL_AFTER: Final = 10.0
"""Seconds from the signal that stops a command to SIGKILL."""

log = logging.getLogger(__name__)


class Command:
    """One run of a command: `start` it, `wait` for its end, `stop` it.

    `directory` is where it runs, None for here; `environment` is all of its environment. `output`
    is called in the thread of the relay. With `shown` the output goes to our own streams too, and
    the input comes from ours; with `terminal` besides, by a pseudo-terminal. Else it has no input,
    and what it leaves behind is ended with it: nobody is there to see to it.

    All methods but `start` may be called from every thread, also after the end.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        directory: Path | None,
        environment: Mapping[str, str],
        output: Output,
        shown: bool = True,
        terminal: bool = False,
    ) -> None:
        self.ended: Future[int] = Future()
        """The exit code, -64 to 255, below 0 for a signal: once its output has been passed on."""
        self.keyboard: Keyboard | None = None
        """Our own terminal, where the command has a pseudo-terminal and people type."""
        self.on_stopped: Callable[[], None] = lambda: None
        """Called in the thread of the relay, when a key has stopped it at its pseudo-terminal."""
        self._guarded = Guarded(arguments, directory, environment)
        self._output = output
        self._shown = shown
        self._terminal = terminal and shown
        self._hurried = threading.Event()
        self._master = -1
        self.ended.set_running_or_notify_cancel()  # nobody who waits can cancel it

    @property
    def pid(self) -> int:
        """The id of its first process, 0 before `start`."""
        return self._guarded.pid

    @property
    def has_pseudo_terminal(self) -> bool:
        """Whether it runs at a pseudo-terminal."""
        return self._terminal

    def start(self) -> None:
        """Start it; this takes some 30 ms. Raises CannotRun."""
        streams, its_own = self._open_streams()
        place: Place = "terminal" if self._terminal else "session"
        if not self._shown:
            place = "alone"
        elif not self._terminal and terminal.has_controlling_terminal():
            place = "group"
        try:
            control = self._guarded.start(
                place, its_own, has_keyboard=self.keyboard is not None, inherits=self._shown
            )
        except BaseException:
            for stream in streams:
                stream.close()
            raise
        finally:
            for descriptor in {each for each in its_own if each > STANDARD_ERROR}:
                os.close(descriptor)
        keys = Keys(self.keyboard, streams[0]) if self.keyboard else None
        self._relay = Relay(
            streams, keys, self._output, control=control, hear=self._hear, hurried=self._hurried
        )
        threading.Thread(target=self._run, name="command", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raise TimeoutError after `timeout` seconds."""
        return self.ended.result(timeout)

    def send(self, number: int) -> None:
        """Pass a signal that we got on to it, as if it were in our place."""
        self._guarded.say(f"send {int(number)}")

    def stop(self, number: int = signal.SIGTERM, kill_after: float = KILL_AFTER) -> None:
        """Send a signal to all of its processes, and after `kill_after` seconds SIGKILL.

        It has ended when none of them is left.
        """
        self._hurried.set()
        self._guarded.say(f"stop {int(number)} {kill_after:f}")

    def resume(self) -> None:
        """Let it go on at its pseudo-terminal, after a key has stopped it."""
        self._guarded.say("continue")

    def resize(self) -> None:
        """Give its pseudo-terminal the size of our own."""
        if self._master >= 0 and not self.ended.done():
            terminal.copy_size(STANDARD_OUTPUT, self._master)

    def _open_streams(self) -> tuple[list[Stream], tuple[int, int, int]]:
        """Return our ends of its streams, and its own input, output and error."""
        if not self._shown:
            nothing = os.open(os.devnull, os.O_RDONLY)
            ours, its_own = os.pipe()
            return [Stream(ours, None, 1)], (nothing, its_own, its_own)
        if self._terminal:
            self._master, its_own = terminal.open_pseudo_terminal()
            streams = [Stream(self._master, STANDARD_OUTPUT, 1)]
            if terminal.is_terminal(STANDARD_INPUT):
                self.keyboard = Keyboard()
            typed = its_own if self.keyboard else STANDARD_INPUT
            is_one = terminal.is_terminal(STANDARD_ERROR)
        else:
            ours, its_own = os.pipe()
            streams = [Stream(ours, STANDARD_OUTPUT, 1)]
            typed = STANDARD_INPUT
            is_one = os.path.samestat(os.fstat(STANDARD_OUTPUT), os.fstat(STANDARD_ERROR))
        if is_one:
            return streams, (typed, its_own, its_own)
        ours, errors = os.pipe()
        return [*streams, Stream(ours, STANDARD_ERROR, 2)], (typed, its_own, errors)

    def _run(self) -> None:
        """Pass everything on, then tell that it has ended; the work of the thread."""
        self._code = -signal.SIGKILL
        try:
            self._relay.run()
        except BaseException as exc:
            log.exception("build.relay_failed")
            self._close()
            self.ended.set_exception(exc)
        else:
            self._close()
            self.ended.set_result(self._code)

    def _close(self) -> None:
        self._master = -1
        self._relay.close()
        self._guarded.close()
        if self.keyboard:
            self.keyboard.release()

    def _hear(self) -> bool:
        """Take in what the guardian says; return True when the command has ended."""
        match self._guarded.hear():
            case [b"stopped", _]:  # by Ctrl-Z, or a read in the background
                self.on_stopped()
                return False
            case [b"ended", code]:
                self._code = int(code)
        return True

"""A command that is run unchanged, while somebody reads its output.

It has our environment and files as it would without us, and a pseudo-terminal where our own output
is a terminal, else pipes. Its processes are the business of a guardian (`guardian.py`), its bytes
that of a relay (`relay.py`), which has a thread of its own: the command never waits for whoever
reads, nor for the thread or the event loop that started it.

Where our standard output and error are one pipe or file, the command has one pipe for both too, so
that their order stays exact. Else they are two pipes, whose order is that in which they were read.
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

from buildfeed.errors import BuildfeedError
from buildfeed.runner import guardian, terminal
from buildfeed.runner.exit_code import NOT_EXECUTABLE, NOT_FOUND
from buildfeed.runner.relay import Keys, Output, Relay, Stream
from buildfeed.runner.terminal import STANDARD_ERROR, STANDARD_INPUT, STANDARD_OUTPUT, Keyboard

KILL_AFTER: Final = 10.0
"""Seconds from the signal that stops a command to SIGKILL."""

log = logging.getLogger(__name__)


class CannotRun(BuildfeedError):
    """The `command` cannot be run, for `reason`; a shell would return the `exit_code`."""

    def __init__(self, command: str, reason: str, exit_code: int) -> None:
        super().__init__(f"{command[:200]!r} cannot be run: {reason}.")
        self.command = command
        self.reason = reason
        self.exit_code = exit_code


class Command:
    """One run of a command: `start` it, `wait` for its end, `stop` it.

    `directory` is where it runs, None for here; `environment` is all of its environment. `output`
    is called in the thread of the relay. With `shown` the output goes to our own streams too, and
    the input comes from ours; with `terminal` besides, by a pseudo-terminal. Else it has no input.

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
        self.arguments = list(arguments)
        self.ended: Future[int] = Future()
        """The exit code, -64 to 255, below 0 for a signal: once its output has been passed on."""
        self.keyboard: Keyboard | None = None
        """Our own terminal, where the command has a pseudo-terminal and people type."""
        self.on_stopped: Callable[[], None] = lambda: None
        """Called in the thread of the relay, when a key has stopped it at its pseudo-terminal."""
        self._directory = directory
        self._environment = dict(environment)
        self._output = output
        self._shown = shown
        self._terminal = terminal and shown
        self._pid = 0
        self._hurried = threading.Event()
        self._control: socket.socket | None = None
        self._master = -1
        self.ended.set_running_or_notify_cancel()  # nobody who waits can cancel it

    @property
    def pid(self) -> int:
        """The id of its first process, 0 before `start`."""
        return self._pid

    @property
    def has_pseudo_terminal(self) -> bool:
        """Whether it runs at a pseudo-terminal."""
        return self._terminal

    def start(self) -> None:
        """Start it; this takes some 30 ms. Raises CannotRun."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = control
        streams: list[Stream] = []
        try:
            with theirs:
                streams, its_own = self._open_streams()
                try:
                    self._guardian = self._start_guardian(theirs.fileno(), its_own)
                finally:
                    for descriptor in {each for each in its_own if each > STANDARD_ERROR}:
                        os.close(descriptor)
            self._pid = self._hear_start(control)
        except BaseException:
            control.close()  # the guardian ends what there is
            for stream in streams:
                stream.close()
            raise
        keys = Keys(self.keyboard, streams[0]) if self.keyboard else None
        self._relay = Relay(
            streams,
            keys,
            self._output,
            control=control.fileno(),
            hear=self._hear,
            hurried=self._hurried,
        )
        threading.Thread(target=self._run, name="command", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raise TimeoutError after `timeout` seconds."""
        return self.ended.result(timeout)

    def send(self, number: int) -> None:
        """Pass a signal that we got on to it, as if it were in our place."""
        self._say(f"send {int(number)}")

    def stop(self, number: int = signal.SIGTERM, kill_after: float = KILL_AFTER) -> None:
        """Send a signal to all of its processes, and after `kill_after` seconds SIGKILL.

        It has ended when none of them is left.
        """
        self._hurried.set()
        self._say(f"stop {int(number)} {kill_after:f}")

    def resume(self) -> None:
        """Let it go on at its pseudo-terminal, after a key has stopped it."""
        self._say("continue")

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

    def _start_guardian(
        self, control: int, its_own: tuple[int, int, int]
    ) -> "subprocess.Popen[bytes]":
        if self._terminal:
            place = "terminal"
        else:
            place = "group" if self._shown and terminal.has_controlling_terminal() else "session"
        keyboard = os.dup(STANDARD_INPUT) if self.keyboard else -1
        passed = [control] if keyboard < 0 else [control, keyboard]
        for descriptor in passed:
            os.set_inheritable(descriptor, True)
        try:
            return subprocess.Popen(  # noqa: S603 - what somebody asked us to run
                # -I, -S: nothing of the environment, and nothing but the standard library.
                [
                    *(sys.executable, "-I", "-S", guardian.__file__),
                    *(str(control), place, str(keyboard), *self.arguments),
                ],
                stdin=its_own[0],
                stdout=its_own[1],
                stderr=its_own[2],
                # What our caller left open is for the command: the jobserver of a make above us,
                # /dev/fd/63 of a shell. What Python opened is not inherited.
                close_fds=not self._shown,
                pass_fds=() if self._shown else passed,
                cwd=self._directory,
                env=self._environment,
                start_new_session=place != "group",
            )
        except OSError as exc:
            raise self._cannot_run(exc.errno or 0, str(exc.filename or "")) from exc
        finally:
            if keyboard >= 0:
                os.close(keyboard)

    def _hear_start(self, control: socket.socket) -> int:
        """Return the id of the process once it runs; raise CannotRun."""
        match _received(control):
            case [b"started", pid]:
                return int(pid)
            case [b"failed", number]:
                self._guardian.wait()
                raise self._cannot_run(int(number))
            case _:
                self._guardian.wait()
                raise CannotRun(self.arguments[0], "its guardian has ended", NOT_EXECUTABLE)

    def _cannot_run(self, number: int, file: str = "") -> CannotRun:
        reason = os.strerror(number)
        if file and self._directory and file == str(self._directory):
            return CannotRun(self.arguments[0], f"its directory {file!r}: {reason}", NOT_EXECUTABLE)
        if number == errno.ENOENT:
            reason = "there is no such command"
            return CannotRun(self.arguments[0], reason, NOT_FOUND)
        return CannotRun(self.arguments[0], reason, NOT_EXECUTABLE)

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
        if self._control:
            self._control.close()
        self._guardian.wait()
        if self.keyboard:
            self.keyboard.release()

    def _hear(self) -> bool:
        """Take in what the guardian says; return True when the command has ended."""
        match _received(self._control):
            case [b"stopped", _]:  # by Ctrl-Z, or a read in the background
                self.on_stopped()
                return False
            case [b"ended", code]:
                self._code = int(code)
            case _:  # somebody has killed the guardian, and the kernel the command with it
                self._kill()
        return True

    def _kill(self) -> None:
        with suppress(OSError):
            if os.getpgid(self._pid) == self._pid:
                os.killpg(self._pid, signal.SIGKILL)

    def _say(self, message: str) -> None:
        if self._control:
            with suppress(OSError):  # it has ended
                self._control.send(message.encode(), socket.MSG_DONTWAIT)


def _received(control: socket.socket | None) -> list[bytes]:
    """Return the words of a message of the guardian, none once it is gone."""
    if control:
        for _ in range(2):  # it went without having read what we said: an error comes first
            with suppress(ConnectionResetError):
                return control.recv(100).split()
    return []

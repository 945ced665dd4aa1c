"""The connection to the guardian of a command (`guardian.py`)."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from buildfeed.errors import BuildfeedError
from buildfeed.runner import guardian
from buildfeed.runner.exit_code import NOT_EXECUTABLE, NOT_FOUND
from buildfeed.runner.terminal import STANDARD_INPUT

Place = Literal["terminal", "session", "alone", "group"]
"""Where a command runs, as `guardian.py` says."""


class CannotRun(BuildfeedError):
    """The `command` cannot be run, for `reason`; a shell would return the `exit_code`."""

    def __init__(self, command: str, reason: str, exit_code: int) -> None:
        super().__init__(f"{command[:200]!r} cannot be run: {reason}.")
        self.command = command
        self.reason = reason
        self.exit_code = exit_code


class Guarded:
    """A command below a guardian: `start` it, `say` something to it, `hear` what becomes of it.

    `say` may be called from every thread and at every time, `hear` and `close` from one thread.
    """

    def __init__(
        self, arguments: Sequence[str], directory: Path | None, environment: Mapping[str, str]
    ) -> None:
        self.pid = 0
        """The id of the first process of the command, 0 before `start`."""
        self._arguments = list(arguments)
        self._directory = directory
        self._environment = dict(environment)
        self._has_group = False
        self._control: socket.socket | None = None
        self._guardian: subprocess.Popen[bytes] | None = None

    def start(
        self,
        place: Place,
        its_own: tuple[int, int, int],
        *,
        has_keyboard: bool,
        inherits: bool,
    ) -> int:
        """Start it with its own streams; return the descriptor that is readable when it says more.

        With `inherits` it has what our caller left open. Raises CannotRun.
        """
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = control
        self._has_group = place != "group"
        keyboard = os.dup(STANDARD_INPUT) if has_keyboard else -1
        try:
            with theirs:
                passed = [each for each in (theirs.fileno(), keyboard) if each >= 0]
                for descriptor in passed:
                    os.set_inheritable(descriptor, True)
                self._guardian = subprocess.Popen(  # noqa: S603 - what somebody asked us to run
                    # -I, -S: nothing of the environment, and nothing but the standard library.
                    [
                        *(sys.executable, "-I", "-S", guardian.__file__),
                        *(str(theirs.fileno()), place, str(keyboard), *self._arguments),
                    ],
                    stdin=its_own[0],
                    stdout=its_own[1],
                    stderr=its_own[2],
                    # What our caller left open is for the command: the jobserver of a make above
                    # us, /dev/fd/63 of a shell. What Python opened is not inherited.
                    close_fds=not inherits,
                    pass_fds=() if inherits else passed,
                    cwd=self._directory,
                    env=self._environment,
                    start_new_session=place != "group",
                )
            self._hear_start()
        except OSError as exc:
            self.close()
            raise self._cannot_run(exc.errno or 0, str(exc.filename or "")) from exc
        except BaseException:
            self.close()  # the guardian ends what there is
            raise
        finally:
            if keyboard >= 0:
                os.close(keyboard)
        return control.fileno()

    def say(self, message: str) -> None:
        """Send a message of `guardian.py`; it is left out once the command has ended."""
        if self._control:
            with suppress(OSError):
                self._control.send(message.encode(), socket.MSG_DONTWAIT)

    def hear(self) -> list[bytes]:
        """Return the words of its next message, none when somebody has killed the guardian."""
        words = self._receive()
        if not words:
            with suppress(OSError):  # the kernel has ended the command, but not its group
                if self._has_group:
                    os.killpg(self.pid, signal.SIGKILL)
        return words

    def close(self) -> None:
        """Let go of the guardian, which ends what is left, if anything is, and wait for its end."""
        control, self._control = self._control, None
        if control:
            control.close()
        if self._guardian:
            self._guardian.wait()

    def _hear_start(self) -> None:
        match self._receive():
            case [b"started", pid]:
                self.pid = int(pid)
            case [b"failed", number]:
                raise OSError(int(number), os.strerror(int(number)))
            case _:
                raise CannotRun(self._arguments[0], "its guardian has ended", NOT_EXECUTABLE)

    def _receive(self) -> list[bytes]:
        """Return the words of a message, none once the guardian is gone."""
        if self._control:
            for _ in range(2):  # it went without having read what we said: an error comes first
                with suppress(ConnectionResetError):
                    return self._control.recv(100).split()
        return []

    def _cannot_run(self, number: int, file: str) -> CannotRun:
        reason = os.strerror(number)
        if file and self._directory and file == str(self._directory):
            return CannotRun(
                self._arguments[0], f"its directory {file!r}: {reason}", NOT_EXECUTABLE
            )
        if number in (errno.ENOENT, errno.ENOTDIR):
            return CannotRun(self._arguments[0], "there is no such command", NOT_FOUND)
        return CannotRun(self._arguments[0], reason, NOT_EXECUTABLE)

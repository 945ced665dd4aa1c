"""The guardian of a command: its parent, which leaves no process of the command behind.

It runs as a program of its own between us and the command, and needs the standard library only:

    guardian.py CONTROL PLACE KEYBOARD COMMAND ARGUMENT …

CONTROL is a socket (SOCK_SEQPACKET) whose other end only we hold, so the guardian learns of every
way in which we end, also by SIGKILL. It is a subreaper (prctl(2)): a process of the command whose
parent ended becomes its child, whatever its session. So the descendants of the guardian are the
processes of the command, all of them and no others, and `waitpid` tells when there is none left.

PLACE is where the command runs: `terminal`, in a session on the pseudo-terminal that is standard
output; `session`, in a session without a terminal; `alone`, the same, and what the command leaves
behind when it ends is ended too; `group`, in our own process group, where the
keys of our terminal reach it. The guardian leads the session, and the command a group in it: a
group whose parent is outside of the session could not be stopped by Ctrl-Z (POSIX, "orphaned
process group"). KEYBOARD is our own terminal, -1 if there is none: when we are killed, the guardian
restores it.

Each message is a word and its numbers. We send `send SIGNAL`, `continue` and `stop SIGNAL SECONDS`;
it sends `started PID` or `failed ERRNO`, `stopped SIGNAL`, and at the end `ended CODE`.

Its price is 30 ms at the start and about 10 MB of memory for each command. PR_SET_PDEATHSIG alone
would be free, but ends the command and none of the processes that the command started; it is used
beside, for the case that somebody kills the guardian.
"""

import ctypes
import errno
import fcntl
import os
import select
import signal
import sys
import termios
import time
from contextlib import suppress
from typing import Final, NoReturn

GRACE_SECONDS: Final = 10.0
"""Seconds that processes have to end by SIGTERM once we, or their command, are gone."""
_KILL_SECONDS: Final = 5.0
"""Seconds until processes that not even SIGKILL ends are given up: a disk that does not answer."""
_LOOK_SECONDS: Final = 0.02
_SAME_SECONDS: Final = 0.5
"""A signal that the guardian got too, so shortly before, was for the group: the command has it."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_KEYS: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""The signals of keys, which a terminal sends to its foreground group."""
_NOTED: Final = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
_IGNORED: Final = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_OF_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""The signals that Python ignores; no other program expects that."""


class Guardian:
    """Starts one command, passes signals on to it, and ends what it leaves."""

    def __init__(self, control: int, place: str, keyboard: int) -> None:
        self._control = control
        self._place = place
        self._keyboard = keyboard
        self._modes = termios.tcgetattr(keyboard) if keyboard >= 0 else None
        self._terminal = -1
        self._command = 0
        self._code: int | None = None
        self._seen: dict[int, float] = {}
        self._stopping = False
        self._kill_at = 0.0
        for descriptor in (control, keyboard):
            if descriptor >= 0:
                os.set_inheritable(descriptor, False)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def run(self, arguments: list[str]) -> None:
        """Start the command, and return once it has ended, and all of its processes if need be."""
        woken = self._prepare_signals()
        if self._place == "terminal":
            self._terminal = os.dup(1)
            fcntl.ioctl(self._terminal, termios.TIOCSCTTY, 0)
        failed = self._start(arguments)
        if failed:
            self._tell("failed", failed)
            return
        _forget_streams()
        self._tell("started", self._command)
        ready = select.poll()
        ready.register(woken, select.POLLIN)
        ready.register(self._control, select.POLLIN)
        while not self._finished():
            for descriptor, _ in ready.poll(self._patience()):
                if descriptor == woken:
                    os.read(woken, 4096)
                elif message := self._hear():
                    self._obey(message.split())
                else:  # we are gone
                    ready.unregister(self._control)
                    self._restore_keyboard()
                    self._stop(signal.SIGTERM, GRACE_SECONDS)
        if self._terminal >= 0:
            # The kernel sends SIGHUP to the foreground group when the leader of a session ends:
            # processes that the command has left there do not get it.
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, os.getpgrp())
        self._tell("ended", -signal.SIGKILL if self._code is None else self._code)

    def _prepare_signals(self) -> int:
        """Outlive every signal; return a descriptor that is readable after each."""
        woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        changed = (*_NOTED, *_IGNORED, signal.SIGCHLD)
        self._before = {number: signal.getsignal(number) for number in changed}
        for number in _NOTED:
            signal.signal(number, self._note)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return woken

    def _note(self, number: int, _frame: object) -> None:
        self._seen[number] = time.monotonic()

    def _start(self, arguments: list[str]) -> int:
        """Start the command; return 0, or the number of the error (errno)."""
        told, telling = os.pipe()
        environment = _environment()
        try:
            self._command = os.fork()
        except OSError as exc:  # too many processes
            return exc.errno or errno.EAGAIN
        if not self._command:
            self._become(arguments, environment, telling)
        os.close(telling)
        failed = os.read(told, 16)  # nothing, once the command has taken the place of our copy
        os.close(told)
        return int(failed or b"0")

    def _become(
        self, arguments: list[str], environment: dict[bytes, bytes], telling: int
    ) -> NoReturn:
        """Take the place of the command, in a copy of this process."""
        try:
            if self._place != "group":
                os.setpgid(0, 0)
            if self._terminal >= 0:
                os.tcsetpgrp(self._terminal, os.getpid())
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            for number, before in self._before.items():
                ignored = before is signal.SIG_IGN
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
            for number in _OF_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            _execute(arguments, environment)
        except OSError as exc:
            os.write(telling, b"%d" % (exc.errno or errno.EINVAL))
        finally:
            os._exit(127)

    def _hear(self) -> bytes:
        """Return a message; nothing when we are gone."""
        try:
            return os.read(self._control, 4096)
        except OSError:  # gone without having read what the guardian said
            return b""

    def _obey(self, words: list[bytes]) -> None:
        match words:
            case [b"send", number]:
                self._send(int(number))
            case [b"continue"]:
                self._kill_group(self._foreground(), signal.SIGCONT)
            case [b"stop", number, seconds]:
                self._stop(int(number), float(seconds))

    def _send(self, number: int) -> None:
        """Pass on a signal that we got, unless it was for our whole group."""
        if self._place != "group":
            is_key = number in _KEYS
            self._kill_group(self._foreground() if is_key else self._command, number)
        elif time.monotonic() - self._seen.get(number, -_SAME_SECONDS) >= _SAME_SECONDS:
            with suppress(OSError):
                os.kill(self._command, number)

    def _foreground(self) -> int:
        """Return the foreground group of the pseudo-terminal, else the group of the command."""
        if self._terminal >= 0:
            with suppress(OSError):
                return os.tcgetpgrp(self._terminal)
        return self._command

    def _kill_group(self, group: int, number: int) -> None:
        if self._code is None and group > 1 and group != os.getpgrp():
            with suppress(OSError):
                os.killpg(group, number)

    def _stop(self, number: int, seconds: float) -> None:
        """Send a signal to every process, once; `seconds` later at most SIGKILL follows."""
        kill_at = time.monotonic() + seconds
        if self._stopping:
            self._kill_at = min(self._kill_at, kill_at)
            return
        self._stopping, self._kill_at = True, kill_at
        one_by_one = self._place == "group" or self._code is not None
        if not one_by_one:
            self._kill_group(self._command, number)
        # Only now: a process that was about to leave the group has the signal, or has left it.
        for pid, group in _descendants(os.getpid()).items():
            with suppress(OSError):
                if one_by_one or group != self._command:
                    os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)  # one that is stopped would not hear it

    def _finished(self) -> bool:
        """Take in which processes have ended; tell whether there is nothing left to wait for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return True
            if not pid:
                break
            if pid == self._command:
                if os.WIFSTOPPED(status):
                    self._tell_stop(os.WSTOPSIG(status))
                else:
                    self._code = os.waitstatus_to_exitcode(status)
        if not self._stopping:
            if self._code is None or self._place != "alone":
                return self._code is not None
            self._stop(signal.SIGTERM, GRACE_SECONDS)
        late = time.monotonic() - self._kill_at
        if late >= 0:
            for pid in _descendants(os.getpid()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        return late > _KILL_SECONDS

    def _patience(self) -> float | None:
        """Return for how many milliseconds nothing is to be done."""
        if not self._stopping:
            return None
        return 1000 * max(self._kill_at - time.monotonic(), _LOOK_SECONDS)

    def _tell_stop(self, number: int) -> None:
        if self._terminal >= 0 and not self._stopping:
            self._tell("stopped", number)

    def _tell(self, word: str, number: int) -> None:
        with suppress(OSError):  # we are gone
            os.write(self._control, f"{word} {number}".encode())

    def _restore_keyboard(self) -> None:
        """Undo our raw mode, unless somebody else has set another: no shell turns OPOST off."""
        if self._modes:
            with suppress(OSError, termios.error):
                if not termios.tcgetattr(self._keyboard)[1] & termios.OPOST:
                    termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)


def _descendants(root: int) -> dict[int, int]:
    """Return the process group of each process that stems from `root`. Linux only: reads /proc."""
    children: dict[int, list[tuple[int, int]]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                _, parent, group, *_ = stat.read().rpartition(b") ")[2].split()
                children.setdefault(int(parent), []).append((int(name), int(group)))
    found: dict[int, int] = {}
    to_look_at = [root]
    while to_look_at:
        for pid, its_group in children.pop(to_look_at.pop(), ()):
            found[pid] = its_group
            to_look_at.append(pid)
    return found


def _environment() -> dict[bytes, bytes]:
    """Return the environment as it was given: Python may have added LC_CTYPE to it (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as environ:  # noqa: PTH123
            pairs = (pair.partition(b"=") for pair in environ.read().split(b"\0") if b"=" in pair)
            return {name: value for name, _, value in pairs}
    except OSError:
        return dict(os.environb)


def _execute(arguments: list[str], environment: dict[bytes, bytes]) -> None:
    """Become the command, as execvp(3) does: a script without `#!` is one of /bin/sh."""
    path = os.fsdecode(environment.get(b"PATH", os.defpath.encode()))
    denied: OSError | None = None
    name = arguments[0]
    folders = [""] if "/" in name else path.split(os.pathsep)
    for folder in folders if name else ():
        file = os.path.join(folder, name)  # noqa: PTH118 - no pathlib in a process this small
        try:
            os.execve(file, arguments, environment)  # noqa: S606
        except OSError as exc:
            if exc.errno == errno.ENOEXEC:
                os.execve("/bin/sh", ["sh", file, *arguments[1:]], environment)  # noqa: S606
            if exc.errno not in (errno.ENOENT, errno.ENOTDIR):
                denied = denied or exc
    raise denied or OSError(errno.ENOENT, "")


def _forget_streams() -> None:
    """Let go of the streams of the command, whose ends would not be seen else."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _prctl(option: int, value: int) -> None:
    with suppress(AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    Guardian(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run(sys.argv[4:])

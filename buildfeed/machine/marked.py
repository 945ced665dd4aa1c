"""Processes that are found by a mark: a variable, NAME=value, in their environment.

Those that a program starts have it, and those that these start in turn, also when they leave their
session or their parent is gone. Linux only: it reads /proc.

Run as a program it is a warden: it waits until its standard input ends, which is when the process
that has the other end of the pipe has ended, however it ended. Then it ends the processes with each
of the marks given as arguments, one mark after the other. It needs the standard library only.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

GRACE_SECONDS = 10.0
"""Seconds that processes have to end in order, before they are killed; and after that."""
_LOOK_SECONDS = 0.05
_QUIET_SECONDS = 0.2
"""Seconds without a process until they count as gone: one may be about to start another."""


def processes(mark: str) -> Iterator[int]:
    """Yield the ids of the processes with `mark`, except this one's."""
    wanted = os.fsencode(mark)
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError):  # it has ended, or is another user's
                with open(f"/proc/{name}/environ", "rb") as environ:  # noqa: PTH123
                    found = wanted in environ.read().split(b"\0")
                if found:
                    yield int(name)


def kill(pid: int) -> bool:
    """Kill a process and wait for its end, when its ports are free; False after 10 s."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        ended = select.poll()  # `select.select` takes no descriptor above 1023
        ended.register(process, select.POLLIN)
        return bool(ended.poll(GRACE_SECONDS * 1000))
    finally:
        os.close(process)


def end(mark: str) -> None:
    """End the processes with `mark`: by SIGTERM, after 10 s by SIGKILL."""
    deadline = time.monotonic() + GRACE_SECONDS
    quiet = time.monotonic() + _QUIET_SECONDS
    asked: set[int] = set()
    while time.monotonic() < quiet:
        for pid in processes(mark):
            quiet = time.monotonic() + _QUIET_SECONDS
            if time.monotonic() > deadline:
                kill(pid)
            elif pid not in asked:
                asked.add(pid)
                with suppress(OSError):
                    os.kill(pid, signal.SIGTERM)
                    os.kill(pid, signal.SIGCONT)  # one that is stopped would not hear it
        time.sleep(_LOOK_SECONDS)


def _wait_and_end(marks: list[str]) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1024):
        pass
    for mark in marks:
        end(mark)


if __name__ == "__main__":
    _wait_and_end(sys.argv[1:])

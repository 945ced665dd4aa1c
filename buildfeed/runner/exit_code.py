"""Exit codes: -64 to 255, below 0 for the signal that ended a process."""

import os
import signal
import sys
from contextlib import suppress
from typing import Final, NoReturn

from buildfeed.machine import core_dumps

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""What shells return for a command that cannot be run (POSIX, Shell Command Language 2.8.2)."""
_OF_SIGNAL: Final = 128


def of_shell(code: int) -> int:
    """Return what a shell makes of a code: 128 + n for the signal n."""
    return code if code >= 0 else _OF_SIGNAL - code


def leave_with(code: int) -> NoReturn:
    """End this process as a command ended: with its code, or by its signal. Main thread only.

    A shell that runs a script goes on after a command that returned 130, and ends after one that
    SIGINT ended. A signal that we could not be ended by becomes 128 + n.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code < 0:
        with suppress(OSError, ValueError):
            core_dumps.forbid()  # the command has left its own
            if -code not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(-code, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
            os.kill(os.getpid(), -code)
    os._exit(of_shell(code))

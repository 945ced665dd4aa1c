"""A process that ends what this one has started, when this one is killed.

It waits for the end of a pipe that only this process holds, so it learns of every way to end. What
it has to end is found by a mark (`marked.py`): processes started at any moment, and theirs.
"""

import os
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from buildfeed.machine import marked
from buildfeed.machine.folder import FolderLock

_SECONDS: Final = 60


class Warden:
    """As a context: after it, or after this process, no process with one of `marks` is left.

    They end in the order of the marks. The warden holds `lock` for as long, so that nobody else
    begins beside them.
    """

    def __init__(self, *marks: str, lock: FolderLock) -> None:
        self._marks = marks
        self._lock = lock

    def __enter__(self) -> Self:
        self._process = self._start()
        return self

    def renew(self) -> None:
        """Start another if somebody has ended it."""
        if self._process.poll() is not None:
            self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - a program of ours
            # -I, -S: nothing of the environment, and nothing but the standard library.
            [sys.executable, "-I", "-S", marked.__file__, *self._marks],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._lock.descriptor],
            cwd=os.sep,
            start_new_session=True,
        )

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=_SECONDS)  # closes the pipe, and waits

"""The file in which a build may tell its progress: $BUILDFEED_PROGRESS.

Whoever builds may do anything to it: append, rewrite (`>` for `>>`), truncate, replace, remove, or
make a pipe of it. So every look opens it anew, and compares the end of what was read before.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final, Self

from buildfeed.machine.folder import FolderUnusable, temporary
from buildfeed.runner.progress_lines import ProgressLines, Told

MOST_AT_A_TIME: Final = 1024 * 1024
"""Bytes that are read by one look; of more that came since the last, the older are left out."""
_COMPARED: Final = 64
"""Bytes before the place that was read up to, by which a file that was rewritten is known."""


class ProgressFile:
    """As a context: an empty file that only we and our commands may use, removed at its end.

    Raises FolderUnusable if it cannot be made.
    """

    def __init__(self) -> None:
        parent = temporary()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="buildfeed-", dir=parent))  # mode 0700
            self.path = self._folder / "progress"
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as exc:
            raise FolderUnusable(parent, exc.strerror or str(exc)) from exc
        self._lines = ProgressLines()
        self._seen: tuple[int, int, int] | None = None
        self._inode = 0
        self._offset = 0
        self._before = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def read(self) -> list[Told]:
        """Return what was told since the last call; raises nothing.

        It does not wait: call it a few times a second. Without news it costs one stat(2).
        """
        try:
            found = os.lstat(self.path)
        except OSError:  # removed; it may come again
            self._seen = None
            return []
        seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        if seen == self._seen or not stat.S_ISREG(found.st_mode):
            return []
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return []
        try:
            told = self._read(descriptor)
        except OSError:
            return []
        else:
            self._seen = seen
            return told
        finally:
            os.close(descriptor)

    def end(self) -> list[Told]:
        """Return what is left, with a last line that has no end."""
        self._seen = None  # a rewrite within one tick of the clock of the file system shows nothing
        return [*self.read(), *self._lines.end()]

    def remove(self) -> None:
        """Remove the file and its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, descriptor: int) -> list[Told]:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return []
        start = self._offset - len(self._before)
        was_replaced = found.st_ino != self._inode or found.st_size < self._offset
        if was_replaced or os.pread(descriptor, len(self._before), start) != self._before:
            self._begin(0)
            self._inode = found.st_ino
        is_behind = found.st_size - self._offset > MOST_AT_A_TIME
        if is_behind:
            self._begin(found.st_size - MOST_AT_A_TIME)
        data = os.pread(descriptor, MOST_AT_A_TIME, self._offset)
        self._offset += len(data)
        self._before = (self._before + data)[-_COMPARED:]
        return self._lines.feed(data.partition(b"\n")[2] if is_behind else data)

    def _begin(self, offset: int) -> None:
        """Read on at another place."""
        self._lines.skip()
        self._offset, self._before = offset, b""

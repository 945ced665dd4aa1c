"""A folder of ours: made when it is missing, and held by one process at a time.

The lock is on a file in it. The kernel releases it when the last process that has it open ends,
however it ends; so a lock that is held has a holder.
"""

import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import Final, TextIO

from buildfeed.errors import BuildfeedError

_PATIENCE: Final = 30.0
"""Seconds for what a killed holder left, which is being ended: a warden holds the lock too."""
_LOOK_SECONDS: Final = 0.1


class FolderUnusable(BuildfeedError):
    """The folder `path`, or a file in it, cannot be made or written, for `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The folder {str(path)!r} cannot be used: {reason}.")
        self.path = path
        self.reason = reason


class FolderHeld(BuildfeedError):
    """The folder `path` is in use by the process `holder`, which is a `what`."""

    def __init__(self, path: Path, what: str, holder: str, advice: str) -> None:
        super().__init__(
            f"{what} is at work in the folder {str(path)!r} already, process {holder}: {advice}."
        )
        self.path = path
        self.what = what
        self.holder = holder


def make(path: Path) -> None:
    """Make the folder `path`, for its owner only; raise FolderUnusable."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise FolderUnusable(path, exc.strerror or str(exc)) from exc


def temporary() -> Path:
    """Return the folder for temporary files; raise FolderUnusable if there is none."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as exc:
        reason = "nor any other folder for temporary files: set TMPDIR to one that may be written"
        raise FolderUnusable(Path("/tmp"), reason) from exc  # noqa: S108


def kept(path: Path, new: str) -> str:
    """Return the text in the file `path`; the first time it is made with the text `new`.

    Only its owner can read the file. Raises FolderUnusable.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            write(path, new)
        return path.read_text().strip()
    except OSError as exc:
        raise FolderUnusable(path.parent, f"{path.name}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise FolderUnusable(path.parent, f"{path.name} is no text") from exc


def write(path: Path, text: str) -> None:
    """Write the file `path`, whole or not at all, for its owner only; raise FolderUnusable."""
    written = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.unlink(missing_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        written.rename(path)
    except OSError as exc:
        raise FolderUnusable(path.parent, f"{path.name}: {exc.strerror or exc}") from exc


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the FolderLock of the file `path`; raises OSError without one."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class FolderLock:
    """The right of one `what` to work in the folder of the file `path`.

    The `advice` is for a person who tries to have two.
    """

    def __init__(self, path: Path, what: str, advice: str) -> None:
        self._path = path
        self._what = what
        self._advice = advice
        self._file: TextIO | None = None

    @property
    def descriptor(self) -> int:
        """The open file; a process that inherits it holds the lock too."""
        if self._file is None:
            raise ValueError("the lock is not taken")
        return self._file.fileno()

    def take(self) -> None:
        """Take the lock; the folder is made if need be. Raises FolderHeld or FolderUnusable.

        While the holder is dead, and only what it left holds the lock, this waits.
        """
        if self._file:
            return
        make(self._path.parent)
        deadline = time.monotonic() + _PATIENCE
        while True:
            holder = self._try()
            if holder is None:
                return
            if _alive(holder) or time.monotonic() > deadline:
                holder = holder or "unknown"
                raise FolderHeld(self._path.parent, self._what, holder, self._advice)
            time.sleep(_LOOK_SECONDS)

    def renew(self) -> None:
        """Take the lock again if its file was removed; raises as `take`."""
        if self._file and not _same(self._file, self._path):
            self.release()
            self.take()

    def release(self) -> None:
        """Let others take it."""
        if self._file:
            self._file.close()
            self._file = None

    def _try(self) -> str | None:
        """Take the lock and return None, or return the process id that its holder wrote."""
        try:
            opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            reason = f"{self._path.name}: {exc.strerror or exc}"
            raise FolderUnusable(self._path.parent, reason) from exc
        file = os.fdopen(opened, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip()
            file.close()
            return holder
        except OSError:
            pass  # a file system without locks: nobody can hold one
        if not _same(file, self._path):  # removed meanwhile
            file.close()
            return ""
        file.truncate(0)
        file.write(str(os.getpid()))
        try:
            file.flush()
        except OSError as exc:
            raise FolderUnusable(self._path.parent, exc.strerror or str(exc)) from exc
        self._file = file
        return None


def _same(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _alive(pid: str) -> bool:
    """Tell whether a process runs: one that ended, but was not waited for, does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return stat.rpartition(") ")[2][:1] not in ("Z", "X")

"""The directory that paths in the output are relative to, and paths relative to it. Pure.

make and ninja say which directory they enter. With parallel makes several of one level may be open:
then nobody can tell whose output a line is, and paths stay as they are.
"""

import posixpath
import re
from typing import Final

from buildfeed.runner.errors.found import MOST_IN_PATH

_MOVE: Final = re.compile(
    r"(?:[\w./+-]{0,200}make(?:\.exe)?(?:\[(?P<level>\d{1,4})\])?|ninja): "
    r"(?P<move>Entering|Leaving) directory [`'‘\"](?P<directory>[^`'’\"]{1,1024})"
)
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_MOST_OPEN: Final = 64


class Directories:
    """The directories that were entered below `directory`, that of the build."""

    def __init__(self, directory: str) -> None:
        self._root = _plain(directory)
        self._open: list[tuple[int, str]] = []

    def read(self, text: str) -> bool:
        """Read a line, and return True if it says that a directory is entered or left."""
        if "directory" not in text or not (found := _MOVE.match(text)):
            return False
        entry = int(found["level"] or 0), self._absolute(_plain(found["directory"]))
        if found["move"] == "Leaving":
            if entry in self._open:
                self._open.remove(entry)
        elif len(self._open) < _MOST_OPEN:
            self._open.append(entry)
        return True

    def relative(self, path: str) -> str:
        """Return `path` relative to the directory of the build if it lies below it."""
        whole = self._absolute(_plain(path))
        inside = self._root if self._root.endswith("/") else self._root + "/"
        relative = whole.removeprefix(inside)
        return relative if len(relative) <= MOST_IN_PATH else _plain(path)

    def _absolute(self, path: str) -> str:
        if path.startswith("/") or _DRIVE.match(path):
            return path
        levels = [level for level, _ in self._open]
        if len(set(levels)) < len(levels):
            return path
        return posixpath.normpath(
            posixpath.join(max(self._open)[1] if self._open else self._root, path)
        )


def _plain(path: str) -> str:
    path = path.removeprefix("file://")
    if _DRIVE.match(path) or ("\\" in path and "/" not in path):
        path = path.replace("\\", "/")
    return posixpath.normpath(path)

"""The processes that share a port, and the metrics that each writes for the others.

A request for `/metrics` reaches any one of them, and has to be answered for all. So every 5 s each
process writes its metrics into a file of its own in a shared directory, by a rename, so that a
reader finds it whole. The file of a process that is gone is removed by the next reader.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

TELL_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 15.0
"""Seconds after which a process that has written nothing counts as frozen, and is left out."""


class Siblings:
    """A `directory` in which each process writes the text of `tell`, in a file of its own."""

    def __init__(self, directory: Path, tell: Callable[[], str]) -> None:
        self._directory = directory
        self._tell = tell

    async def run(self) -> None:
        """Write every 5 s, until cancelled."""
        # As bytes, since a text file would take the \r in a name for the end of a line.
        file = self._directory / f"{os.getpid()}.txt"
        written = file.with_suffix(".new")
        while True:
            with suppress(OSError):  # the folder is being made again, or the disk is full
                written.write_bytes(self._tell().encode())
                written.rename(file)  # whole or not at all
            await asyncio.sleep(TELL_SECONDS)

    def told(self) -> dict[str, str]:
        """Return the newest text of each process by its id; ours is of this moment."""
        found = {}
        for file in sorted(self._directory.glob("*.txt")):
            with suppress(OSError):  # another process may have removed it
                if not _alive(int(file.stem)):
                    file.unlink()
                elif time.time() - file.stat().st_mtime < SILENT_SECONDS:
                    found[file.stem] = file.read_bytes().decode()
        return found | {str(os.getpid()): self._tell()}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True

"""What the processes that share a port tell each other, so that any one answers for all."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

TELL_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 10.0
"""Who has told nothing for so long is frozen."""


class Siblings:
    """A `directory` in which each process leaves what it has to tell, in a file of its own."""

    def __init__(self, directory: Path, tell: Callable[[], str]) -> None:
        self._directory = directory
        self._tell = tell

    async def run(self) -> None:
        """Tell every 2 s, until cancelled."""
        file = self._directory / f"{os.getpid()}.txt"
        written = file.with_suffix(".new")
        while True:
            written.write_text(self._tell())
            written.rename(file)  # whole or not at all
            await asyncio.sleep(TELL_SECONDS)

    def told(self) -> dict[str, str]:
        """Return what each process told last, by its id; what we tell is of this moment."""
        found = {}
        for file in sorted(self._directory.glob("*.txt")):
            with suppress(FileNotFoundError):  # another one may have put it away
                if not _alive(int(file.stem)):
                    file.unlink()
                elif time.time() - file.stat().st_mtime < SILENT_SECONDS:
                    found[file.stem] = file.read_text()
        return found | {str(os.getpid()): self._tell()}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True

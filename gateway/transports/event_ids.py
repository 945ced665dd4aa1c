"""The ids of Server-Sent Events: how many changes of a process a reader has had. Pure.

An id of another process, of an earlier run, or of other filters is none.
"""

import re
import zlib
from collections.abc import Iterable
from typing import Final

from buildfeed.topics import Filter

_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)


class EventIds:
    """The ids that readers of `filters` get from `process`, a name that no other run has."""

    def __init__(self, process: str, filters: Iterable[Filter]) -> None:
        which = zlib.crc32("\n".join(sorted(map(str, filters))).encode())
        self._prefix = f"{process}.{which:x}."

    def line(self, number: int) -> bytes:
        """Return the line that gives an event the id of the change `number`."""
        return f"id: {self._prefix}{number}\n".encode()

    def number(self, id_: str) -> int | None:
        """Return the number of the change in an id, None if the id is not one of these."""
        number = id_.removeprefix(self._prefix)
        return int(number) if number != id_ and _NUMBER.fullmatch(number) else None

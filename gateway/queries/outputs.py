"""Reads the kept output of a build: first how it is made up, then its bytes in small pieces.

A reader is sent what it takes: only the pieces that it asks for next are read, and are in memory.
"""

import hashlib
from collections.abc import AsyncIterator
from threading import Lock
from typing import Final

import msgspec

from buildfeed.history.pieces import Pieces
from buildfeed.history.recorded_output import RecordedOutput
from gateway.answered import answered
from gateway.queries.output_text import OutputText, Part

_MOST_BYTES: Final = 256 * 1024
"""Bytes that are read at a time."""
_MOST_PIECES: Final = 200
"""Pieces that are read at a time: each is a row with the whole state of its build."""


_MOST_TEXTS: Final = 4
"""Texts that are kept for the next request: one takes 3 MB at most."""


class Output(msgspec.Struct, frozen=True):
    """The output of an `attempt`, 0 where there is none; its `tag` differs when the text does."""

    attempt: int
    tag: bytes
    text: OutputText


class OutputGone(Exception):
    """A piece was removed while the output was read."""


class Outputs:
    """Reads of the history; every one raises HistoryUnavailable when that fails."""

    def __init__(self, recorded: RecordedOutput) -> None:
        self._recorded = recorded
        self._texts: dict[bytes, OutputText] = {}  # by tag, the one used last behind the others
        self._lock = Lock()

    async def find(self, project: str, build: str, attempt: int | None) -> Output:
        """Return the output of an attempt, of the newest that has any if none is named."""
        return await answered(self._find, project, build, attempt)

    def _find(self, project: str, build: str, attempt: int | None) -> Output:
        # In a thread: a text of many pieces takes a tenth of a second, and so does its tag in part.
        pieces = self._recorded.pieces(project, build, attempt) or Pieces.none()
        tag = _tag(pieces)
        with self._lock:
            text = self._texts.pop(tag, None)
        text = text or OutputText(pieces)
        with self._lock:
            self._texts[tag] = text
            if len(self._texts) > _MOST_TEXTS:
                del self._texts[next(iter(self._texts))]
        return Output(pieces.attempt, tag, text)

    async def read(self, text: OutputText, begin: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a text from `begin` to before `end`; raises OutputGone."""
        batch: list[Part] = []
        size = 0
        for part in text.parts(begin, end):
            batch.append(part)
            size += part.size
            if size >= _MOST_BYTES or len(batch) == _MOST_PIECES:
                yield await self._joined(batch)
                batch, size = [], 0
        if batch:
            yield await self._joined(batch)

    async def _joined(self, parts: list[Part]) -> bytes:
        numbers = [part.number for part in parts if not part.line]
        contents = await answered(self._recorded.contents, numbers) if numbers else {}
        shown = []
        for part in parts:
            content = part.line or contents.get(part.number, b"")[part.skip : part.skip + part.size]
            if len(content) != part.size:
                raise OutputGone
            shown.append(content)
        return b"".join(shown)


def _tag(pieces: Pieces) -> bytes:
    """Return what differs whenever the text of the pieces does."""
    facts = pieces.attempt, pieces.ends, pieces.cut, pieces.over
    columns = pieces.numbers, pieces.begins, pieces.sizes
    return hashlib.sha256(msgspec.json.encode(facts) + b"".join(columns)).digest()

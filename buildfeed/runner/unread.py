"""What a command has printed and nobody has read yet: from the thread of its relay to the reader's.

It is bounded, and putting never waits. When more comes than there is room for, the oldest is left
out, and counted where it would have been: the end of an output says the most.
"""

import threading
from collections import deque
from typing import Final

import msgspec

MOST_BYTES: Final = 16 * 1024 * 1024
"""Output that waits, while a command prints faster than it is read."""


class Chunk(msgspec.Struct):
    """Bytes of a stream, 1 or 2; or a gap, where so many bytes were `left_out`."""

    stream: int
    data: bytes = b""
    left_out: int = 0


class Unread:
    """The chunks that wait, at most `most_bytes` of data, in their order."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._gaps: dict[int, int] = {}  # of each stream, before the first chunk
        self._chunks: deque[Chunk] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, data: bytes, stream: int) -> None:
        """Add what was printed."""
        with self._changed:
            self._chunks.append(Chunk(stream, data))
            self._bytes += len(data)
            self._leave_out(self._most)
            self._changed.notify()

    def shorten(self, most_bytes: int) -> None:
        """Leave out all but the last `most_bytes` of data."""
        with self._changed:
            self._leave_out(most_bytes)

    def take(self) -> Chunk | None:
        """Take the oldest chunk, None while there is none."""
        with self._changed:
            if self._gaps:
                stream, size = self._gaps.popitem()
                return Chunk(stream, left_out=size)
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._bytes -= len(chunk.data)
            return chunk

    def wait(self, seconds: float) -> None:
        """Wait until there is a chunk, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._gaps, seconds)

    def _leave_out(self, most_bytes: int) -> None:
        while self._bytes > most_bytes:
            chunk = self._chunks.popleft()
            self._bytes -= len(chunk.data)
            self._gaps[chunk.stream] = self._gaps.get(chunk.stream, 0) + len(chunk.data)

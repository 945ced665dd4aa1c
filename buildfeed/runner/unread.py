"""What a command has printed and nobody has read yet: from the thread of its relay to the reader's.

It is bounded, and putting never waits. What comes while it is full is left out, and counted where
it would have been.
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
        self._chunks: deque[Chunk] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, data: bytes, stream: int) -> None:
        """Add what was printed."""
        with self._changed:
            last = self._chunks[-1] if self._chunks else None
            if self._bytes + len(data) <= self._most:
                self._chunks.append(Chunk(stream, data))
                self._bytes += len(data)
            elif last and last.left_out and last.stream == stream:
                last.left_out += len(data)
            else:
                self._chunks.append(Chunk(stream, left_out=len(data)))
            self._changed.notify()

    def take(self) -> Chunk | None:
        """Take the oldest chunk, None while there is none."""
        with self._changed:
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._bytes -= len(chunk.data)
            return chunk

    def wait(self, seconds: float) -> None:
        """Wait until there is a chunk, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks, seconds)

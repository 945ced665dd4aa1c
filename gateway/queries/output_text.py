"""The text of an attempt's output: its kept pieces in their order, and lines where some is missing.

Pure. A place in the text is a number of bytes, and stays the place of the same byte while the
attempt goes on: only the first part of a long output is shown then (`history.kept_output`), which
is only ever added to. One exception: a piece that comes later than what follows it goes to its
place, and moves what is behind.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

import msgspec

from buildfeed import left_out
from buildfeed.history.pieces import Pieces

CUT: Final = b"[More output than is kept: its end follows when the attempt has ended]\n"
"""Stands at the end of the first part of a long output."""


class Part(msgspec.Struct, frozen=True):
    """A part of the text: a `line` of ours, or `size` bytes of the row `number` after `skip`."""

    size: int
    number: int = 0
    skip: int = 0
    line: bytes = b""


class OutputText:
    """The text of `pieces`: the first part of them alone until their attempt is over."""

    def __init__(self, pieces: Pieces) -> None:
        self.size = 0
        """Its bytes."""
        self._pieces = pieces
        self._at = array("q")  # of each part: where it begins in the text
        self._index = array("q")  # the piece, or the negative number of a line
        self._lines: list[bytes] = []
        shown, cut, reached = len(pieces.begins), pieces.cut, 0
        if cut is not None:
            first = bisect_left(pieces.begins, cut)
            reached = self._add_pieces(0, first, reached)
            self._add_line(CUT)
            if not pieces.over:
                return
            reached = self._add_pieces(first, shown, reached)
        else:
            reached = self._add_pieces(0, shown, reached)
        self._add_missing(pieces.ends - reached)

    def parts(self, begin: int, end: int) -> Iterator[Part]:
        """Yield the parts of the bytes from `begin` to before `end`."""
        first = max(bisect_right(self._at, begin) - 1, 0)
        for place in range(first, len(self._at)):
            at = self._at[place]
            if at >= end:
                return
            next_ = self._at[place + 1] if place + 1 < len(self._at) else self.size
            skip, size = max(begin - at, 0), min(end, next_) - max(begin, at)
            if size > 0:
                yield self._part(self._index[place], next_ - at, skip, size)

    def _part(self, index: int, whole: int, skip: int, size: int) -> Part:
        if index < 0:
            return Part(size, line=self._lines[-index - 1][skip : skip + size])
        # A piece that repeats the end of another is shown without its beginning.
        repeated = self._pieces.sizes[index] - whole
        return Part(size, self._pieces.numbers[index], repeated + skip)

    def _add_pieces(self, first: int, end: int, reached: int) -> int:
        """Add pieces; return the byte of the output that they reach, `reached` before them."""
        for i in range(first, end):
            begins, size = self._pieces.begins[i], self._pieces.sizes[i]
            self._add_missing(begins - reached - self._pieces.told[i])
            new = min(begins + size - reached, size)
            if new > 0:
                self._add(i, new)
            reached = max(reached, begins + size)
        return reached

    def _add_missing(self, size: int) -> None:
        if size > 0:
            self._add_line(left_out.line(size).encode())

    def _add_line(self, line: bytes) -> None:
        self._lines.append(line)
        self._add(-len(self._lines), len(line))

    def _add(self, index: int, size: int) -> None:
        self._at.append(self.size)
        self._index.append(index)
        self.size += size

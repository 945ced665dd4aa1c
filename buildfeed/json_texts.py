"""JSON texts in a stream: one a line, the elements of an array, or printed over many lines. Pure.

Bytes come in pieces of any size, and no more than one text is in memory. Where a text is broken the
next line that begins with a bracket begins another, so one broken line costs no further ones.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

MOST: Final = 1024 * 1024
"""Bytes of a text that are kept; the rest of one that is longer is left out."""

_BETWEEN: Final = b" \t\r\n,\0\x1e"  # a record separator begins each text of RFC 7464
_MARK: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb'["{}\[\]\n]')
_INSIDE: Final = re.compile(rb'["\\\n]')
_END_OF_WORD: Final = re.compile(rb"[\n\]]")


class Text(msgspec.Struct, frozen=True):
    """The bytes of a text, and the number of its first line, from 1."""

    line: int
    payload: bytes


class Splitter:
    """Finds texts: call `feed` with each piece of a stream, then `end` once."""

    def __init__(self) -> None:
        self._line = 1
        self._first = 1
        self._found: bytearray | None = None  # the text that has begun
        self._depth = 0
        self._quoted = self._escaped = False
        self._in_array = False
        self._word = False
        self._at_start = True  # of a line
        self._spread = False  # the first bracket is alone in its line
        self._mark = 0  # bytes of a byte order mark that came

    def feed(self, piece: bytes) -> Iterator[Text]:
        """Yield the texts that are whole by now."""
        at = 0
        while at < len(piece):
            if self._found is None:
                at = self._begin(piece, at)
                continue
            if self._at_start and self._begins_another(piece[at]):
                yield self._whole()
                continue
            at = self._go_on(piece, at)
            if self._found is not None and not (self._depth or self._word):
                yield self._whole()

    def end(self) -> Iterator[Text]:
        """Yield the text that the stream breaks off in, if it does."""
        if self._found is not None:
            yield self._whole()

    def _begin(self, piece: bytes, at: int) -> int:
        """Skip a byte between texts, or begin one there; return the place to go on from."""
        byte = piece[at]
        if byte == _MARK[self._mark]:  # it may be cut by the end of a piece
            self._mark = (self._mark + 1) % len(_MARK)
            return at + 1
        self._mark = 0
        if byte in _BETWEEN:
            self._newline(byte)
        elif byte == ord("[") and not self._in_array:
            self._in_array, self._at_start = True, False
        elif byte == ord("]") and self._in_array:
            self._in_array = False
        else:
            self._found, self._first = bytearray(), self._line
            self._word, self._at_start, self._spread = byte not in b"{[", False, False
            return at
        return at + 1

    def _go_on(self, piece: bytes, at: int) -> int:
        """Take bytes up to the next that matters, and that; return the place to go on from."""
        if self._escaped:
            self._escaped = False
            self._keep(piece[at : at + 1])
            self._newline(piece[at])
            return at + 1
        if self._word:
            return self._take_word(piece, at)
        found = (_INSIDE if self._quoted else _OUTSIDE).search(piece, at)
        end = found.end() if found else len(piece)
        self._keep(piece[at:end])
        self._at_start = False
        if found:
            self._note(piece[end - 1])
        return end

    def _note(self, byte: int) -> None:
        """Take note of a byte that changes where we are."""
        if byte == ord('"'):
            self._quoted = not self._quoted
        elif byte == ord("\\"):
            self._escaped = True
        elif byte == ord("\n"):
            if self._line == self._first:
                self._spread = len((self._found or b"").strip()) == 1
            self._newline(byte)
        else:
            self._depth += 1 if byte in b"{[" else -1

    def _take_word(self, piece: bytes, at: int) -> int:
        """Take what begins with no bracket, up to the end of its line or of the array."""
        found = _END_OF_WORD.search(piece, at)
        while found and found[0] == b"]" and not self._in_array:
            found = _END_OF_WORD.search(piece, found.end())
        end = found.start() if found else len(piece)
        self._keep(piece[at:end])
        if found:
            self._word = False
        return end

    def _begins_another(self, byte: int) -> bool:
        """Tell whether a line that begins so begins another text, as the one before is broken.

        A text printed over many lines has its first bracket alone in its line.
        """
        return not self._in_array and byte == ord("{") and not self._spread

    def _newline(self, byte: int) -> None:
        self._at_start = byte == ord("\n")
        self._line += self._at_start

    def _keep(self, more: bytes) -> None:
        if self._found is not None and len(self._found) <= MOST:
            self._found += more

    def _whole(self) -> Text:
        text = Text(self._first, bytes(self._found or b"").rstrip(b"\r\n\t ,"))
        self._found, self._depth = None, 0
        self._quoted = self._escaped = self._word = False
        return text

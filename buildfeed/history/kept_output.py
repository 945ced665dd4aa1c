"""The bounds of the output that is kept of a build. Pure.

The output of an attempt has two parts. The first is kept as it comes, up to LAST_BYTES less than
the limit. What comes behind its end, the *cut*, is the last part: of that the newest is kept, and
when there is too much of a build, output of older attempts is left out first, then the oldest of
the last part. So the first part of an attempt is only ever added to, and a reader of it may rely on
places in it while it grows. One limit goes before that: the limit of the output of all builds, as
anybody who may publish can have builds that never end.
"""

from typing import Final

import msgspec

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
KEPT_BYTES: Final = 16 * MIB
"""Bytes of output that are kept of a build, unless the operator says otherwise."""
LAST_BYTES: Final = MIB
"""Bytes of the last part, or half of the limit if that is less."""
LEAST_COUNTED: Final = 256
"""Bytes that a piece counts at least: each is a row, with the whole state of its build."""


class Bounds(msgspec.Struct, frozen=True):
    """The limit of the output of one build, in bytes."""

    limit: int = KEPT_BYTES

    @property
    def first(self) -> int:
        """The bytes of the first part."""
        return self.limit - min(LAST_BYTES, self.limit // 2)

    @property
    def slack(self) -> int:
        """The bytes that are left out beyond what is needed, so that the next piece finds room."""
        return self.limit // 256


DEFAULT: Final = Bounds()


class Output(msgspec.Struct):
    """What is known of the output of one attempt: a row of the table `outputs`."""

    ends: int = 0
    kept: int = 0
    cut: int | None = None
    last: int = -1

    def take(self, offset: int | None, size: int, bounds: Bounds) -> int | None:
        """Take a piece of `size` bytes; return the byte at which it begins.

        A piece without an offset follows what came before. None: it is left out, as it would
        belong to a first part that is full.
        """
        begins = self.ends if offset is None else offset
        if self.cut is not None and begins < self.cut:
            return None
        if self.cut is None and self.kept + counted(size) > bounds.first:
            self.cut = begins
        self.kept += counted(size)
        self.ends = max(self.ends, begins + size)
        return begins


def counted(size: int) -> int:
    """Return the bytes that a piece of `size` bytes counts as."""
    return max(size, LEAST_COUNTED)

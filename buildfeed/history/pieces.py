"""The pieces of output that are kept of an attempt, as numbers. Pure."""

from array import array
from typing import Self

import msgspec


class Pieces(msgspec.Struct, frozen=True):
    """What is kept of the output of an attempt, by the place of each piece: arrays of integers.

    A piece is the row `numbers[i]`: `sizes[i]` bytes from the byte `begins[i]` of the output on,
    before which it says itself that `told[i]` bytes are missing. The output `ends` at a byte. If it
    has two parts, the second begins at the `cut`. It is `over` when it is complete: the build has
    ended, or another attempt has output.
    """

    attempt: int
    ends: int
    cut: int | None
    over: bool
    numbers: "array[int]"
    begins: "array[int]"
    sizes: "array[int]"
    told: "array[int]"

    @classmethod
    def none(cls) -> Self:
        """Return what is kept where there is no output."""
        return cls(0, 0, None, True, *(array("q") for _ in range(4)))

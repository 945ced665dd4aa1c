"""A reading: what a tool says of its progress at one moment; and a source, which finds it. Pure."""

from typing import Final, Protocol

import msgspec

from buildfeed.runner.lines import Line

MOST_PHASE: Final = 200
"""Characters of a phase: the contract allows no more."""
_COMPLETE: Final = 100


class Reading(msgspec.Struct, frozen=True):
    """What a tool says of itself at one moment. A field that it does not say is None, or "".

    `percent` is 0 to 100. `done` and `total` count steps, and `done` is at most `total`; a `total`
    comes with a `done`, but not the other way round. `phase` has at most MOST_PHASE characters.
    """

    percent: int | None = None
    done: int | None = None
    total: int | None = None
    phase: str = ""

    @property
    def portion(self) -> int | None:
        """How much is done, in percent; of a count, which is the more exact, rounded down."""
        if self.done is not None and self.total is not None:
            return _COMPLETE * self.done // self.total
        return self.percent

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return self.portion == _COMPLETE


class Source(Protocol):
    """Finds readings in the lines of one tool. It may remember lines, but keeps little of them."""

    def read(self, line: Line) -> Reading | None:
        """Return what `line` says, None when it is no line of this tool that says anything."""


def counted(done: int, total: int, phase: str = "") -> Reading | None:
    """Return the reading of a count, None for one that cannot be: 5 of 3, or 0 of 0."""
    if not 0 <= done <= total or total == 0:
        return None
    return Reading(done=done, total=total, phase=phase)


def portion(percent: int, phase: str = "") -> Reading | None:
    """Return the reading of a percentage, None for one that cannot be: 103 %."""
    return Reading(percent=percent, phase=phase) if 0 <= percent <= _COMPLETE else None


def phrase(text: str) -> str:
    """Return `text` as a phase: one space between words, at most MOST_PHASE characters."""
    text = " ".join(text[: 4 * MOST_PHASE].split())
    return text if len(text) <= MOST_PHASE else text[: MOST_PHASE - 1] + "…"

"""The lines by which any script tells its progress, in the file $BUILDFEED_PROGRESS. Pure.

percent 40
step 3 7 Linking
error src/a.c:3: text
"""

import re
from typing import Final

import msgspec

MOST_BYTES: Final = 8192
"""Length of a line; the rest of a longer one is left out."""
_MOST_KEPT: Final = MOST_BYTES + 1
"""By the one byte more it is known that a line is longer."""
MOST_CHARACTERS: Final = 4096
"""Length of the text of an error; the rest is cut."""
MOST_OF_PHASE: Final = 200
"""Characters of the name of a step; the rest is cut."""

_PERCENT: Final = re.compile(r"(\d{1,3})(?:[.,]\d{0,20})? ?%?", re.ASCII)
_STEP: Final = re.compile(r"(\d{1,9})[ /]+(\d{1,9})(?: (.*))?", re.ASCII)
_UNSEEN: Final = re.compile(r"\x1b\[[0-9:;<=>?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Colours and their like (ECMA-48, "control sequence"), and characters that nobody sees."""


class Percent(msgspec.Struct, frozen=True):
    """So much is done: 0 to 100."""

    percent: int


class StepOf(msgspec.Struct, frozen=True):
    """`done` of `total` steps, 1 at least, are done; `phase` is what comes now, maybe nothing.

    The end of a phase that is `cut` is missing.
    """

    done: int
    total: int
    phase: str
    cut: bool = False


class ErrorLine(msgspec.Struct, frozen=True):
    """The text of an error, as a compiler would print it; if it is `cut`, without its end."""

    text: str
    cut: bool = False


Told = Percent | StepOf | ErrorLine


def parse(line: str, *, is_cut: bool = False) -> Told | None:
    """Return what a line says, None for one that says nothing: nothing is raised.

    The end of a line that `is_cut` is missing.
    """
    is_cut = is_cut or len(line) > MOST_BYTES
    word, _, rest = _UNSEEN.sub(" ", line[:MOST_BYTES]).strip().partition(" ")
    rest = rest.strip()
    match word:
        case "percent" if found := _PERCENT.fullmatch(rest):
            percent = int(found[1])
            return Percent(percent) if percent <= 100 else None  # noqa: PLR2004
        case "step" if found := _STEP.fullmatch(rest):
            done, total = int(found[1]), int(found[2])
            phase = (found[3] or "").strip()
            is_cut = is_cut or len(phase) > MOST_OF_PHASE
            step = StepOf(done, total, phase[:MOST_OF_PHASE], is_cut)
            return step if done <= total and total else None
        case "error" if rest:
            return ErrorLine(rest[:MOST_CHARACTERS], is_cut or len(rest) > MOST_CHARACTERS)
        case _:
            return None


class ProgressLines:
    """The lines in what is appended to a file; the last may be half written."""

    def __init__(self) -> None:
        self._half = b""

    def feed(self, data: bytes) -> list[Told]:
        """Return what the lines say that have ended in `data`."""
        *lines, half = data.split(b"\n")
        told = []
        for line in lines:
            whole, self._half = (self._half + line[:_MOST_KEPT])[:_MOST_KEPT], b""
            told.append(_told(whole))
        self._half = (self._half + half[:_MOST_KEPT])[:_MOST_KEPT]
        return [each for each in told if each]

    def end(self) -> list[Told]:
        """Return what a last line says that has no end."""
        half, self._half = self._half, b""
        told = _told(half)
        return [told] if told else []

    def skip(self) -> None:
        """Forget a line that is half there: what comes next does not belong to it."""
        self._half = b""


def _told(line: bytes) -> Told | None:
    is_cut = len(line) > MOST_BYTES
    return parse(line[:MOST_BYTES].decode("utf-8", "replace"), is_cut=is_cut)

"""Percentages that are drawn over themselves: tqdm, wget, curl, git and many more. Pure.

Only a line that is redrawn can be a bar: "50% off" in ordinary output is none. So is the line
right after it, when it has the same label: a bar that is full is left to stand.

A bar is of one thing, and often one of many: pip draws one for each file, git one for each stage of
a fetch. So a *passing* bar, one that counts bytes or is known to be of a stage, is a phase: its
percentage is in the text. It is progress only for a command that does nothing else, as wget.
"""

import re
from typing import Final

from buildfeed.runner.lines import MOST_CHARACTERS, Line
from buildfeed.runner.progress.reading import Reading, counted, phrase, portion

_PERCENT: Final = re.compile(r"(?<![0-9.,])(?P<percent>[0-9]{1,3})(?:[.,][0-9]{1,4})? ?%")
_STEPS: Final = re.compile(r"\| *(?P<done>[0-9]{1,9})/(?P<total>[0-9]{1,9}) \[")
_BYTES: Final = re.compile(r"[0-9] ?(?:[kKMGT]i?)?B(?:/s|ps|\b)")
_METER: Final = re.compile(  # of curl: percent, size, percent, size, percent, size, speeds
    r" {0,3}(?P<percent>[0-9]{1,3}) {1,4}[0-9.]{1,6}[kMGTP]? "
    r"{1,6}[0-9]{1,3} {1,4}[0-9.]{1,6}[kMGTP]? "
)
_PASSING: Final = re.compile(
    r"(?:remote: )?(?:(?:Counting|Compressing|Receiving|Writing) objects|Resolving deltas"
    r"|Updating files|Filtering content|\(?Reading (?:database|package)|Building dependency tree)"
    r"|.{0,60}\b(?:Download|Fetch|Upload|Pull)",
    re.IGNORECASE,
)
_FRAME: Final = " \t:|[](){}<>#=-.*━─█▏▎▍▌▋▊▉░▒▓╸╺╾"
_LONGEST_LABEL: Final = 300


class Bars:
    """Reads bars; `passing` ones are progress too if `alone`: the command does nothing else."""

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self._label: str | None = None  # of the bar that was drawn last, in the last line

    def read(self, line: Line) -> Reading | None:
        """Return the percentage, with the label of the bar as its phase."""
        drawn, self._label = self._label, None
        if not line.redrawn and drawn is None:
            return None
        text = line.text[:MOST_CHARACTERS]
        percents = list(_PERCENT.finditer(text))
        meter = None if percents else _METER.match(text)
        found = meter or _whole(text, percents)
        if found is None:
            return None
        label = "" if meter else phrase(text[: found.start()][:_LONGEST_LABEL].strip(_FRAME))
        if not line.redrawn and label != drawn:
            return None
        self._label = label if line.redrawn else None
        percent = int(found["percent"])
        if not self._alone and (meter or _BYTES.search(text) or _PASSING.match(text)):
            return Reading(phase=phrase(f"{label} {percent}%"))
        steps = _STEPS.search(text)
        count = counted(int(steps["done"]), int(steps["total"]), label) if steps else None
        agrees = count is not None and abs((count.portion or 0) - percent) <= 1
        return count if agrees else portion(percent, label)


def _whole(text: str, percents: list[re.Match[str]]) -> re.Match[str] | None:
    """Return the percentage that is of the whole: the only one, at the beginning, or of a bar."""
    for percent in percents:
        is_of_bar = text.startswith("|", percent.end())
        if len(percents) == 1 or percent.start() == 0 or is_of_bar:
            return percent
    return None

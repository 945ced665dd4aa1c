"""Bazel: `[12 / 40] Compiling a.cc`, with separators of thousands. Pure.

While Bazel analyses the targets it knows only the few actions of those that it has seen: `[5 / 8]`
turns into `[12 / 400]`. So a count is none until the line `INFO: Analyzed`.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_TIME: Final = r"(?:\([0-9:. ]{5,12}\) )?"
_STATUS: Final = re.compile(
    _TIME + r"\[(?P<done>[0-9]{1,3}(?:,[0-9]{3}){0,2}) / (?P<total>[0-9]{1,3}(?:,[0-9]{3}){0,2})\]"
    r"(?P<step>.*)"
)
_ANALYSING: Final = re.compile(
    _TIME + r"(?P<phase>(?:Loading|Analyzing|Computing main repo mapping):.*)"
)
_ANALYSED: Final = re.compile(_TIME + r"INFO: Analy[sz]ed ")
_COMPLETED: Final = re.compile(_TIME + r"INFO: Build completed successfully")


class Bazel:
    """Reads the lines of progress, drawn or printed."""

    def __init__(self) -> None:
        self._analysing = False
        self._total: int | None = None

    def read(self, line: Line) -> Reading | None:
        """Return the count and the action; during the analysis, what it says of it."""
        text = line.text
        if status := _STATUS.match(text):
            done, total = (int(status[name].replace(",", "")) for name in ("done", "total"))
            step = phrase(status["step"])
            self._total = total
            return Reading(phase=step) if self._analysing else counted(done, total, step)
        if analysing := _ANALYSING.match(text):
            self._analysing = True
            return Reading(phase=phrase(analysing["phase"]))
        if _ANALYSED.match(text):
            self._analysing = False
        elif self._total and _COMPLETED.match(text):
            return counted(self._total, self._total)
        return None

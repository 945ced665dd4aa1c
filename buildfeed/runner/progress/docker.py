"""`docker build`: `Step 3/7 : RUN make`, and of BuildKit `[+] Building 12.3s (5/12)`. Pure.

BuildKit without a terminal prints the steps of several stages at once, each stage with a count of
its own: `#8 [build 3/7] RUN make`. They are phases.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_STEP: Final = re.compile(r"Step (?P<place>[0-9]{1,5})/(?P<total>[0-9]{1,5}) : (?P<step>.*)")
_BUILT: Final = re.compile(r"Successfully built [0-9a-f]{6,64}$")
_WHOLE: Final = re.compile(
    r"\[\+\] Building [0-9.]{1,12}s \((?P<done>[0-9]{1,5})/(?P<total>[0-9]{1,5})\)"
)
_STAGE: Final = re.compile(
    r"(?:#[0-9]{1,5}| ?=>) \[(?:[^\[\]]{1,80} )?[0-9]{1,4}/[0-9]{1,4}\] (?P<step>.*)"
)


class Docker:
    """Reads the steps of an image."""

    def __init__(self) -> None:
        self._total = 0

    def read(self, line: Line) -> Reading | None:
        """Return how many steps are done."""
        if step := _STEP.match(line.text):
            self._total = int(step["total"])
            return counted(int(step["place"]) - 1, self._total, phrase(step["step"]))
        if whole := _WHOLE.match(line.text):
            return counted(int(whole["done"]), int(whole["total"]))
        if stage := _STAGE.match(line.text):
            return Reading(phase=phrase(stage["step"]))
        if self._total and _BUILT.match(line.text):
            return counted(self._total, self._total)
        return None

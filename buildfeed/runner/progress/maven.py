"""The reactor of Maven: `[INFO] Building core 1.0      [3/12]`, as a module begins. Pure."""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_MODULE: Final = re.compile(
    r"\[INFO\] Building (?P<name>.{1,200}?) {1,100}\[(?P<place>[0-9]{1,5})/(?P<total>[0-9]{1,5})\]$"
)
_GOAL: Final = re.compile(r"\[INFO\] -{3,} (?P<goal>\S{1,200}) \([^()]{0,100}\) @ (?P<module>\S+)")
_COMPLETED: Final = re.compile(r"\[INFO\] BUILD SUCCESS$")


class Maven:
    """Reads the modules; a build of one module has no count."""

    def __init__(self) -> None:
        self._place = 0
        self._total = 0

    def read(self, line: Line) -> Reading | None:
        """Return how many modules are done, as one begins; and each goal as a phase."""
        if module := _MODULE.match(line.text):
            self._place, self._total = int(module["place"]), int(module["total"])
            return counted(self._place - 1, self._total, phrase(module["name"]))
        if goal := _GOAL.match(line.text):
            return Reading(phase=phrase(f"{goal['module']} {goal['goal']}"))
        if self._total and self._place == self._total and _COMPLETED.match(line.text):
            return counted(self._total, self._total)
        return None

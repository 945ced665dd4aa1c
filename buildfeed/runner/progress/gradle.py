"""Gradle: `<====---------> 42% EXECUTING [3s]` on a terminal, else `> Task :app:compile`. Pure.

The bar goes from 0 to 100 for the configuration, and again for the tasks: only these are progress.
Without a terminal the tasks are counted; how many there are is said nowhere.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase, portion

_BAR: Final = re.compile(
    r"<[=-]{1,60}> {0,4}(?P<percent>[0-9]{1,3})% "
    r"(?P<phase>INITIALIZING|CONFIGURING|EXECUTING|WAITING)\b"
)
_TASK: Final = re.compile(r"> (?:Task|Transform) (?P<task>:?\S{1,300})(?P<outcome> [A-Z-]{4,12})?$")
_COMPLETED: Final = re.compile(r"BUILD SUCCESSFUL in [0-9]")


class Gradle:
    """Reads the bar and the tasks."""

    def __init__(self) -> None:
        self._tasks = 0
        self._has_bar = False

    def read(self, line: Line) -> Reading | None:
        """Return the percentage, or the number of tasks."""
        if bar := _BAR.match(line.text):
            if bar["phase"] != "EXECUTING":
                return Reading(phase=bar["phase"].capitalize())
            self._has_bar = True
            return portion(int(bar["percent"]))
        if task := _TASK.match(line.text):
            self._tasks += 1
            name = phrase(task["task"])
            return Reading(phase=name) if self._has_bar else Reading(done=self._tasks, phase=name)
        if self._has_bar and _COMPLETED.match(line.text):
            return portion(100)
        return None

"""GNU make: it counts nothing itself, so its lines are found in the list of `make -n`. Pure.

`make -n` prints every line of every recipe that it would run, in the order in which it would begin
them, and runs none. But it is no promise to change nothing. Even with `-n` make runs

* lines that begin with `+`, also by a variable, and those that name `$(MAKE)`: so recursion works;
* the recipes that remake a makefile: this one, or one that is included;
* `$(shell …)` and `!=`, while it reads the makefile; `$(file …)` writes a file.

So a build is counted only if none of that is in its makefile: see `countable`. Big builds have
that nearly always, and stay without a count. The list is of the same goals and variables as the
build: the same command with `-n`.

Lines that begin with `@` are in the list, but not printed by the build. So a line that is printed
tells by its *place* in the list that those before it have begun: with `-j8` up to eight of them
still run, and the count is an estimate by that much.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from buildfeed.runner.lines import MOST_CHARACTERS, Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

MOST_LINES: Final = 100_000
"""Lines of a list that are kept; a longer list is none."""

_ACTS: Final = re.compile(
    r"\$[({]\s*(?:MAKE\b|shell\s|file\s|eval\s|call\s|guile\s|foreach\s)"
    r"|[.]RECIPEPREFIX|!=|(?<=[\t @\-=;])\+(?!=)"
    r"|^[ \t]{0,200}(?:[-s]?(?:include|load)|(?:(?:override|export|private)[ \t]+){0,3}define)\b"
    r"|^[^#=\n]{0,1000}(?:[Mm]akefile|[.]ma?ke?\b)[^=\n]{0,1000}:(?!=)|MAKEFILE|^%[ \t]*:",
    re.MULTILINE,
)
_OWN: Final = re.compile(r"g?make(?:\[[0-9]{1,4}\])?: (?P<said>.*)")
_ENTERING: Final = re.compile(r"Entering directory ['`](?P<directory>[^']{1,1000})'")


def countable(makefile: str) -> bool:
    """Tell whether `make -n` of a makefile with this text changes nothing, as far as it shows.

    It is careful: a makefile that calls a function that could hide something is not countable.
    """
    return _ACTS.search(makefile) is None


def recipe_lines(output: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of recipes in what `make -n` printed; none if they are over MOST_LINES."""
    lines = (_plain(line) for line in output if not _OWN.match(line) and line.strip())
    kept = tuple(islice(lines, MOST_LINES + 1))
    return kept if len(kept) <= MOST_LINES else ()


class Make:
    """Reads the lines of a build; `lines` are those that `recipe_lines` found, else it counts none.

    The last line tells that it begins, and none that it ended: the count never gets complete.
    """

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self._total = len(lines)
        self._furthest = 0
        self._places: dict[str, list[int]] = {}
        for place in reversed(range(len(lines))):
            self._places.setdefault(lines[place], []).append(place)

    def read(self, line: Line) -> Reading | None:
        """Return how many lines have begun before this one; of a sub-make, its directory."""
        if own := _OWN.match(line.text):
            entering = _ENTERING.match(own["said"])
            return Reading(phase=phrase(entering["directory"])) if entering else None
        places = self._places.get(_plain(line.text)) if self._places else None
        if not places:
            return None
        self._furthest = max(self._furthest, places.pop())
        return counted(self._furthest, self._total, phrase(line.text))


def _plain(line: str) -> str:
    """Return `line` as far as it can be compared: tabs are spaces by now in what a build prints."""
    return " ".join(line[:MOST_CHARACTERS].split())

"""The tracker: what is known of the progress of one command, out of all that it prints. Pure.

It follows one count, the *measure*, and says no more than that. In this order:

* Told: by the user's expression, or by the build itself (`told`).
* A tool that counts its own work, in a form of `sources.py`, or on the terminal (OSC 9;4).
* A bar. A count of higher rank takes over at once, one of the same when the measure is complete.

Nobody says how many tools a command runs, one after the other or inside each other. So:

* `percent` never falls. What the measure says now may be less than was published: its total grew,
  the tool was run again, or another began after it. Then what was published cannot be taken back,
  and is not true: the build is `indeterminate` until the measure has caught up. Up to 5 points
  less are not worth that: the last state stands.
* The last step counts when the command has ended. Tools say 100 % when *they* are done: until then
  `done` is at most `total - 1`, and `percent` at most 99. At the end it is 100 only if the measure
  was complete; a build that stops early stays where it was.
* A measure that is silent for a minute, while another counts, does not tell how the build is, and
  neither does one that was complete 10 s ago, while the command goes on. Then the build is
  indeterminate until the measure speaks again.
* All the others, and a measure that is not shown, tell the phase, with their count in its text.

So `percent` is `100 * done // total` wherever both are given, and an indeterminate build has no
`total`. The usual duration of a build gives no percentage: it is not known that half of the work
is done after half of the time, and what is not known is not shown as known. The gateway makes an
expected end of it, which says of itself that it is expected.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from buildfeed.runner.lines import MOST_CHARACTERS, Line, TerminalProgress
from buildfeed.runner.progress.count import Count
from buildfeed.runner.progress.expression import Expression
from buildfeed.runner.progress.program import program_of
from buildfeed.runner.progress.progress import Progress
from buildfeed.runner.progress.reading import Reading, Source, phrase
from buildfeed.runner.progress.sources import counting, sources
from buildfeed.runner.progress.terminal import terminal_reading

_HOLDING: Final = 5
"""Points by which the measure may fall before the build is indeterminate."""
_SILENT_SECONDS: Final = 60.0
_COMPLETE_SECONDS: Final = 10.0
_BAR, _TOOL, _TOLD = 0, 1, 2
_TERMINAL: Final = "terminal"
_MAKE: Final = "make"
_NUMBER: Final = re.compile(r"[0-9]+")


class _Measure:
    """The count that is followed: whose it is, and when it was heard of."""

    def __init__(self, key: str, rank: int, reading: Reading, now: float) -> None:
        self.key = key
        self.rank = rank
        self.count = Count(reading)
        self.heard = now
        self.silent = False

    def follow(self, reading: Reading, now: float) -> None:
        """Take its next reading."""
        self.count.follow(reading)
        self.heard, self.silent = now, False

    def hear_other(self, now: float) -> None:
        """Take note that another counts."""
        self.silent |= now - self.heard > _SILENT_SECONDS

    def pass_time(self, now: float) -> None:
        """Take note that the command still runs, though this is complete."""
        self.silent |= now - self.heard > _COMPLETE_SECONDS

    @property
    def shown(self) -> Reading | None:
        """Where it stands, without the last step; None while it does not tell how the build is."""
        reading = None if self.silent else self.count.reading
        return _without_last_step(reading) if reading and reading.complete else reading


class Tracker:
    """The progress of `command`, which began at the time `begun`.

    `regex` is the user's expression, in place of all sources; BadExpression is raised for a bad
    one. `recipe_lines` are those of `make -n`, see `make.py`. Times are seconds of any clock that
    does not go back.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        regex: str | None = None,
        recipe_lines: Sequence[str] = (),
    ) -> None:
        program = program_of(command)
        self._counting = counting(program)
        self._sources: dict[str, Source] = sources(program, recipe_lines)
        self._rank = _TOOL
        if regex is not None:
            self._sources, self._counting = {"expression": Expression(regex)}, None
            self._rank = _TOLD
        self._measure: _Measure | None = None
        self._speaker = ""  # whose phase it is
        self.progress = Progress()

    def read(self, found: Line | TerminalProgress, now: float) -> None:
        """Take the next line of the output, or what the command told the terminal."""
        if isinstance(found, TerminalProgress):
            self._read_terminal(found, now)
            return
        if len(found.text) > MOST_CHARACTERS:
            found = Line(found.text[:MOST_CHARACTERS], found.redrawn)
        self.pass_time(now)
        for name, source in self._sources.items():
            reading = source.read(found)
            if reading is not None:
                may_count = self._counting is None or name in self._counting
                rank = _BAR if name == "bars" else self._rank
                self._take(name, reading, rank if may_count else None, now)
                return

    def told(self, reading: Reading, now: float) -> None:
        """Take what the build says itself, beside its output: made by `counted` or `portion`."""
        self._take("told", reading, _TOLD, now)

    def pass_time(self, now: float) -> None:
        """Take note that the command runs at this time, though it may print nothing."""
        if self._measure and self._measure.count.complete:
            self._measure.pass_time(now)
            self._show()

    def end(self, *, succeeded: bool = False) -> None:
        """Take note that the command has ended: the last step counts, if it was said.

        A make that succeeded has run all that it listed, though it prints no end of a line.
        """
        measure = self._measure
        if measure and succeeded and measure.key == _MAKE and measure.count.last.total:
            total = measure.count.last.total
            measure.follow(replace(measure.count.last, done=total), measure.heard)
        if measure and measure.count.complete:
            last = measure.count.last
            phase = self.progress.phase
            self.progress = Progress(100, last.done, last.total, phase, indeterminate=False)

    def _read_terminal(self, progress: TerminalProgress, now: float) -> None:
        reading = terminal_reading(progress)
        if reading is not None:
            self._take(_TERMINAL, reading, _TOOL, now)
        elif self._measure and self._measure.key == _TERMINAL and not self._measure.count.complete:
            self._measure = None
            self.progress = replace(self.progress, done=None, total=None, indeterminate=True)

    def _take(self, name: str, reading: Reading, rank: int | None, now: float) -> None:
        """Take the reading of a source; one without a rank cannot be the measure."""
        measure = self._measure
        key = _key(name, reading)
        if rank is None or reading.portion is None:
            is_measure = False
        elif measure and key == measure.key:
            measure.follow(reading, now)
            is_measure = True
        elif not measure or rank > measure.rank or measure.count.complete:
            self._measure = _Measure(key, rank, reading, now)
            is_measure = True
        else:
            measure.hear_other(now)
            is_measure = False
        self._show()
        self._tell(name, reading, is_shown=is_measure and not self.progress.indeterminate)
        if not self._measure and rank is not None:  # a count without a total is better than none
            done = reading.done if reading.done is not None else self.progress.done
            self.progress = replace(self.progress, done=done)

    def _show(self) -> None:
        """Publish where the measure stands; if it is a little less than before, the last state."""
        before = self.progress
        shown = self._measure.shown if self._measure else None
        percent = shown.portion if shown else None
        if shown and percent is not None and percent >= before.percent:
            done = shown.done if shown.total is not None else None
            self.progress = Progress(percent, done, shown.total, before.phase, indeterminate=False)
        elif percent is None or percent < before.percent - _HOLDING:
            done = None if self._measure else before.done
            self.progress = replace(before, done=done, total=None, indeterminate=True)

    def _tell(self, name: str, reading: Reading, *, is_shown: bool) -> None:
        """Publish the phase, with the count of a reading that is not shown otherwise."""
        phase = reading.phase
        if not is_shown and reading.total is not None:
            phase = phrase(f"{reading.done}/{reading.total} {phase}")
        elif not is_shown and reading.percent is not None:
            phase = phrase(f"{reading.percent}% {phase}")
        if phase or name != self._speaker:
            self.progress = replace(self.progress, phase=phase)
        self._speaker = name


def _key(name: str, reading: Reading) -> str:
    """Return which count a reading is of: of several bars each has its label and its total."""
    if name != "bars":
        return name
    return f"bars {_NUMBER.sub('0', reading.phase)} {reading.total}"


def _without_last_step(reading: Reading) -> Reading:
    if reading.done is not None and reading.total is not None:
        return replace(reading, percent=None, done=reading.total - 1)
    return replace(reading, percent=99)

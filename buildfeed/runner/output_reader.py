"""What the output of a command says of its build: lines, errors, progress, what is sent. Pure.

Two streams are read as two programs would write: a line belongs to one of them. Each line has its
secrets masked before anything else is read in it. Where bytes of a stream are left out, so are the
two halves of lines around them: a half of a secret is in no expression.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from buildfeed.runner.errors.finder import Finder
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.lines import Line, Lines, TerminalProgress
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Content, Output
from buildfeed.runner.progress.progress import Progress
from buildfeed.runner.progress.reading import counted, portion
from buildfeed.runner.progress.tracker import Tracker
from buildfeed.runner.progress_lines import MOST_OF_PHASE, ErrorLine, Percent, StepOf, Told

_LINE_END: Final = re.compile(rb"\n|\r(?!\n)")
_SETTLE_SECONDS: Final = 1.0
"""Silence after which an error of several lines is complete."""


class OutputReader:
    """Reads one attempt of `command`. Times are seconds of a clock that does not go back.

    `masking` is for its environment, `recipe_lines` are those that a make would run. Raises
    BadExpression for a `regex` that is none.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: str,
        masking: Masking,
        begun: float,
        regex: str | None = None,
        recipe_lines: Sequence[str] = (),
        output: Output | None = None,
    ) -> None:
        self._errors: list[FoundError] = []
        self._lines = {1: Lines(), 2: Lines()}
        self._unended = {1: 0, 2: 0}  # bytes of the line that has no end yet, of each stream
        self._halves: dict[int, int] = {}  # bytes of a line that began in a gap, of each stream
        self._masking = masking
        self._finder = Finder(directory)
        self._tracker = Tracker(command, regex=regex, recipe_lines=recipe_lines)
        self._output = output
        self._read_at = begun
        self._settled = True

    @property
    def progress(self) -> Progress:
        """How far the command is, as far as it says; its texts are masked."""
        return self._tracker.progress

    def read(self, data: bytes, stream: int, now: float) -> None:
        """Take the next bytes of standard output (1) or standard error (2)."""
        self._read_at, self._settled = now, False
        if stream in self._halves:
            data = self._behind_half(data, stream)
        ended = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._unended[stream] = len(data) - ended + (0 if ended else self._unended[stream])
        self._take(self._lines[stream].feed(data), now)

    def skip(self, size: int, stream: int) -> None:
        """Leave out the next `size` bytes: they came faster than they are read."""
        self._lines[stream] = Lines()
        self._halves.setdefault(stream, 0)
        self._masking.skip()
        if self._output:
            self._output.skip(size + self._unended[stream])
        self._unended[stream] = 0

    def told(self, told: Sequence[Told], now: float) -> None:
        """Take what the build has told of itself, beside its output."""
        for each in told:
            match each:
                case Percent(percent):
                    reading = portion(percent)
                case StepOf(done, total, phase):
                    reading = counted(
                        done, total, self._masking.text(phase, cut=each.cut)[:MOST_OF_PHASE]
                    )
                case ErrorLine(text):
                    reading = None
                    self._add(self._finder.tell(self._masking.text(text, cut=each.cut)))
            if reading:
                self._tracker.told(reading, now)

    def pass_time(self, now: float) -> None:
        """Take note that the command runs at this time, though it may print nothing."""
        self._tracker.pass_time(now)
        if not self._settled and now - self._read_at > _SETTLE_SECONDS:
            self._settled = True
            self._add(self._finder.settle())

    def end(self, now: float, *, succeeded: bool = False) -> None:
        """Take note that the command has ended."""
        for stream, lines in self._lines.items():
            self._take(lines.end(), now)
            self._leave_out_half(stream)
        self._add(self._finder.end())
        self._tracker.end(succeeded=succeeded)

    def take_errors(self) -> list[FoundError]:
        """Return the errors that were found since the last call."""
        errors, self._errors = self._errors, []
        return errors

    def take_output(self, now: float) -> Content | None:
        """Return the next output to send, None while there is none."""
        return self._output.take(now) if self._output else None

    @property
    def output_waits(self) -> bool:
        """True while there is output to take."""
        return self._output is not None and self._output.waits

    def take_last(self) -> Content | None:
        """Return the next output after the end, None when there is none any more."""
        return self._output.take_last() if self._output else None

    def last_output(self, *, whole: bool = True) -> list[Content]:
        """Return all output that waits, after the end; else only that it is left out."""
        if self._output is None:
            return []
        if not whole:
            self._output.skip(0)
        return self._output.end()

    def _behind_half(self, data: bytes, stream: int) -> bytes:
        """Return what is behind the line that began in a gap, nothing while it goes on."""
        found = _LINE_END.search(data)
        self._halves[stream] += found.end() if found else len(data)
        if not found:
            return b""
        self._leave_out_half(stream)
        return data[found.end() :]

    def _leave_out_half(self, stream: int) -> None:
        size = self._halves.pop(stream, 0)
        if self._output:
            self._output.miss(size)

    def _take(self, found: Sequence[Line | TerminalProgress], now: float) -> None:
        for each in found:
            if isinstance(each, TerminalProgress):
                self._tracker.read(each, now)
                continue
            line = self._masking.line(each)
            self._tracker.read(line, now)
            self._add(self._finder.take(line))
            if self._output:
                self._output.add(line)

    def _add(self, found: Sequence[FoundError]) -> None:
        """Keep errors; their texts may have been decoded after their lines were masked."""
        self._errors += [replace(each, text=self._masking.text(each.text)) for each in found]

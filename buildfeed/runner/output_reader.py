"""What the output of a command says of its build: lines, errors, progress, what is sent. Pure.

Two streams are read as two programs would write: a line belongs to one of them. Each line has its
secrets masked before anything else is read in it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from buildfeed.runner.errors.finder import Finder
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.lines import Line, Lines, TerminalProgress
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Content, Output
from buildfeed.runner.progress.reading import counted, portion
from buildfeed.runner.progress.tracker import Progress, Tracker
from buildfeed.runner.progress_lines import ErrorLine, Percent, StepOf, Told

_SETTLE_SECONDS: Final = 1.0
"""Silence after which an error of several lines is complete."""


class OutputReader:
    """Reads one attempt of `command`. Times are seconds of a clock that does not go back.

    `masking` is for its environment. Raises BadExpression for a `regex` that is none.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: str,
        masking: Masking,
        begun: float,
        regex: str | None = None,
        output: Output | None = None,
    ) -> None:
        self._errors: list[FoundError] = []
        self._lines: Mapping[int, Lines] = {1: Lines(), 2: Lines()}
        self._masking = masking
        self._finder = Finder(directory)
        self._tracker = Tracker(command, regex=regex)
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
        self._take(self._lines[stream].feed(data), now)

    def skip(self, size: int, stream: int, now: float) -> None:
        """Leave out the next `size` bytes: they came faster than they are read."""
        self._take(self._lines[stream].end(), now)
        if self._output:
            self._output.skip(size)

    def told(self, told: Sequence[Told], now: float) -> None:
        """Take what the build has told of itself, beside its output."""
        for each in told:
            match each:
                case Percent(percent):
                    reading = portion(percent)
                case StepOf(done, total, phase):
                    reading = counted(done, total, self._masking.text(phase))
                case ErrorLine(text):
                    reading = None
                    self._add(self._finder.tell(self._masking.text(text)))
            if reading:
                self._tracker.told(reading, now)

    def pass_time(self, now: float) -> None:
        """Take note that the command runs at this time, though it may print nothing."""
        self._tracker.pass_time(now)
        if not self._settled and now - self._read_at > _SETTLE_SECONDS:
            self._settled = True
            self._add(self._finder.settle())

    def end(self, now: float) -> None:
        """Take note that the command has ended."""
        for lines in self._lines.values():
            self._take(lines.end(), now)
        self._add(self._finder.end())
        self._tracker.end()

    def take_errors(self) -> list[FoundError]:
        """Return the errors that were found since the last call."""
        errors, self._errors = self._errors, []
        return errors

    def take_output(self, now: float) -> Content | None:
        """Return the next output to send, None while there is none."""
        return self._output.take(now) if self._output else None

    def last_output(self) -> list[Content]:
        """Return all output that waits, after the end."""
        return self._output.end() if self._output else []

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

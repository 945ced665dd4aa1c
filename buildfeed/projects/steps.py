"""The steps of a job: what was found in its output, in the words of a worker. Pure."""

from collections.abc import Iterator

from msgspec.structs import replace

from buildfeed.runner.output import Content
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress.progress import Progress
from buildfeed.worker.runner import Error, Site, Step

_PROGRESS_SECONDS = 0.1
"""Shortest time between two states of progress."""


class Steps:
    """Takes from `reader` what a worker has to be told, on `site`.

    Times are seconds of a clock that does not go back.
    """

    def __init__(self, reader: OutputReader, site: Site) -> None:
        self._reader = reader
        self._site = site
        self._told = Progress()
        self._next_progress = 0.0

    def due(self, now: float) -> Iterator[Step]:
        """Yield what is new: errors, how far it is, and output as far as the broker takes it."""
        yield from self._errors()
        if now >= self._next_progress and self._reader.progress != self._told:
            self._next_progress = now + _PROGRESS_SECONDS
            yield self._progress()
        while self._site.takes_output and (content := self._reader.take_output(now)):
            yield _output(content)

    @property
    def output_waits(self) -> bool:
        """True while there is output that nobody was told."""
        return self._reader.output_waits

    def rest(self) -> Iterator[Step]:
        """Yield output once the command has ended, as far as the broker takes it."""
        while self._site.takes_output and (content := self._reader.take_last()):
            yield _output(content)

    def last(self) -> Iterator[Step]:
        """Yield what is left; of output that the broker does not take, that it is left out."""
        yield from self._errors()
        yield from self.rest()
        yield from map(_output, self._reader.last_output(whole=False))
        yield self._progress()

    def _errors(self) -> Iterator[Step]:
        if found := self._reader.take_errors():
            yield Step(errors=tuple(Error(str(each), each.source) for each in found))

    def _progress(self) -> Step:
        self._told = told = self._reader.progress
        step = Step(progress=told.percent, phase=told.phase, indeterminate=told.indeterminate)
        return replace(step, done=told.done, total=told.total)


def _output(content: Content) -> Step:
    return Step(output=content.text, offset=content.offset)

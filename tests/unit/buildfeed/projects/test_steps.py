"""What is told of the output of a job that has ended."""

import pytest

from buildfeed.projects.steps import Steps
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.output_reader import OutputReader


class Site:
    """A site whose broker takes so many pieces."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.ending = False

    @property
    def takes_output(self) -> bool:
        self.takes -= 1
        return self.takes >= 0

    def time(self) -> float:
        return 0.0

    async def sleep_until(self, moment: float) -> None:
        """Return at once."""


@pytest.fixture
def reader() -> OutputReader:
    """The reader of a command that has printed 300 000 bytes and ended."""
    reader = OutputReader(
        ["sh"], directory="/", masking=Masking({}), begun=0, recipe_lines=(), output=Output()
    )
    reader.read(b"a line that has thirty letters\n"[1:] * 10_000, 1, now=1)
    reader.end(2)
    return reader


def test_the_end_of_output_that_nobody_takes_is_said_to_be_left_out(reader: OutputReader) -> None:
    steps = Steps(reader, Site(0))
    assert list(steps.rest()) == []
    output, progress = steps.last()
    assert output.output == "[300,000 bytes of output are left out here]\n"
    assert output.offset + len(output.output) == 300_000
    assert progress.progress == 0
    assert not steps.output_waits


def test_the_rest_is_told_as_the_broker_takes_it(reader: OutputReader) -> None:
    site = Site(8)
    steps = Steps(reader, site)
    assert len(list(steps.rest())) == 8
    assert steps.output_waits
    site.takes = 1000
    assert sum(len(step.output) for step in steps.rest()) > 100_000
    assert not steps.output_waits
    assert [step.output for step in steps.last()] == [""]

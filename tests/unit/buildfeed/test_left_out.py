"""The line that says that output is left out is written and found alike."""

import pytest

from buildfeed import left_out
from buildfeed.runner.lines import Line
from buildfeed.runner.output import Output


def test_what_a_runner_writes_is_found() -> None:
    output = Output()
    output.add(Line("first"))
    first = output.take(0)
    output.skip(123_456)
    output.add(Line("last"))
    (last,) = output.end()
    assert first
    assert last.offset - len(first.text) == left_out.told(last.text)


@pytest.mark.parametrize("size", [1000, 1_234_567])
def test_the_line_stands_for_itself_too(size: int) -> None:
    line = left_out.line(size)
    assert left_out.told(line + "on") == size - len(line)


def test_the_largest_number_is_one_that_a_database_holds() -> None:
    assert left_out.told(left_out.line(10**18 - 1)) < 2**63


@pytest.mark.parametrize("groups", [6, 9, 2000])
def test_a_larger_number_says_nothing(groups: int) -> None:
    number = "999" + ",999" * groups
    assert left_out.told(f"[{number} bytes of output are left out here]\n") == 0


@pytest.mark.parametrize("content", ["", "on\n", "x" + left_out.line(999), left_out.line(1)])
def test_other_lines_say_nothing(content: str) -> None:
    assert left_out.told(content) == 0

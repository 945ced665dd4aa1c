"""What any script may write into $BUILDFEED_PROGRESS, and what comes of it."""

import random
from functools import partial

import pytest

from buildfeed.runner.progress_lines import (
    MOST_BYTES,
    MOST_CHARACTERS,
    MOST_OF_PHASE,
    ErrorLine,
    Percent,
    ProgressLines,
    StepOf,
    Told,
    parse,
)
from support.cpu import within

SAID: dict[str, Told] = {
    "percent 0": Percent(0),
    "percent 40": Percent(40),
    "percent 99.9": Percent(99),
    "percent 40%": Percent(40),
    "percent 40 %\r": Percent(40),
    "  percent   100  ": Percent(100),
    "step 3 7 Linking": StepOf(3, 7, "Linking"),
    "step 3/7 Linking app": StepOf(3, 7, "Linking app"),
    "step 0 7": StepOf(0, 7, ""),
    "step 7 7   ": StepOf(7, 7, ""),
    "error src/a.c:3: text": ErrorLine("src/a.c:3: text"),
    "error \x1b[31mred\x1b[0m text": ErrorLine("red  text"),
    "error a\tb\0c": ErrorLine("a b c"),
    "error \ufffd": ErrorLine("\ufffd"),
}
NONSENSE = (
    *("", " ", "percent", "percent -1", "percent 101", "percent 4x", "percent ٤", "percent 1e2"),
    *(
        "percent nan",
        "percent 40 of",
        "PERCENT 40",
        "percents 40",
        "step 3",
        "step 8 7",
        "step 0 0",
    ),
    *("step -1 7", "step 1 7x", "step 9999999999 9999999999", "error", "error  ", "progress 40"),
    *("\0", "\x1b[", "percent " + "9" * 100_000, "\ud800"),
)


@pytest.mark.parametrize("line", SAID)
def test_a_line_says(line: str) -> None:
    assert parse(line) == SAID[line]


@pytest.mark.parametrize("line", NONSENSE, ids=lambda line: ascii(line[:20]))
def test_nonsense_says_nothing(line: str) -> None:
    assert parse(line) is None


def test_long_texts_are_cut() -> None:
    assert parse("error " + "x" * 10_000) == ErrorLine("x" * MOST_CHARACTERS, cut=True)
    assert parse("step 1 2 " + "x" * 10_000) == StepOf(1, 2, "x" * MOST_OF_PHASE, cut=True)


def test_lines_that_are_written_in_parts_count_once_they_have_an_end() -> None:
    lines = ProgressLines()
    assert lines.feed(b"perc") == []
    assert lines.feed("ent 40\r\nerror Ü".encode()[:-1]) == [Percent(40)]
    assert lines.feed("Über".encode()[1:] + b"\nstep 1 2") == [ErrorLine("Über")]
    assert lines.end() == [StepOf(1, 2, "")]
    assert lines.end() == []


def test_a_line_of_a_megabyte_costs_little_and_loses_only_its_rest() -> None:
    def feed() -> None:
        lines = ProgressLines()
        for _ in range(1024):
            assert lines.feed(b"error " + b"x" * 1018) == []
        assert len(lines._half) <= MOST_BYTES + 1
        first, second = lines.feed(b"\npercent 7\n")
        assert isinstance(first, ErrorLine)
        assert len(first.text) == MOST_CHARACTERS
        assert second == Percent(7)

    assert within(1, feed)


@pytest.mark.parametrize("unit", ["\x1b[", "\x1b[0;", "\0", "step 1 ", "/ ", "percent 4 "])
def test_a_hostile_line_takes_no_long_time(unit: str) -> None:
    for line in (unit * (1_000_000 // len(unit)), "step 1" + unit * (1_000_000 // len(unit))):
        assert within(0.5, partial(parse, line))


def test_random_bytes_in_random_parts_raise_nothing_and_say_the_same() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    pieces = [b"percent 4", b"step 1 2 a", b"error x", b"\n", b"\r\n", b"\0", b"\xff", b"\x1b[1m"]
    for _ in range(200):
        data = b"".join(chance.choices(pieces, k=30))
        whole = ProgressLines()
        expected = whole.feed(data) + whole.end()
        parts, told, left = ProgressLines(), [], data
        while left:
            size = chance.randint(1, 20)
            told += parts.feed(left[:size])
            left = left[size:]
        assert told + parts.end() == expected, f"seed {seed}"

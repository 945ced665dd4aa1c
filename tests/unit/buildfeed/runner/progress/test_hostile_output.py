"""Whatever a stranger's build prints, a line takes little time and nothing is raised."""

import random
from functools import partial
from itertools import product

import pytest

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.program import Program
from buildfeed.runner.progress.reading import MOST_PHASE
from buildfeed.runner.progress.sources import sources
from buildfeed.runner.progress.tracker import Tracker
from support.cpu import within

MEGABYTE = 1_000_000
SOURCES = list(sources(Program(), ["cc a.c"]))
BEGINNINGS = [
    *("", "[", "[1/", "[1/2", "[ 42%] ", "[ 42%][", "[1,", "=", "= ", "collected 1 items / "),
    *(
        "[gw0] [",
        "a.py ",
        "a::b",
        "a::b PASSED",
        "1/2 ",
        "1/2 Test #1: ",
        "1/2 a  OK",
        "ok ",
        "1..",
    ),
    *("test_a (", "test_a (a) ... ok", "    Building [", "   Compiling ", '{"reason":"compiler-'),
    *('{"reason":"compiler-artifact","package_id":"', "test a", "   PASS [", "ok  \t", '{"Time":"'),
    *('{"Action":"pass","Package":"', "(12:00:00) [", "Loading:", "<", "<=", "> Task ", "[INFO] "),
    *("[INFO] Building ", "[INFO] --- ", "Step 1/", "[+] Building 1", "#1 [", "42% ", "42% build"),
    *("transforming (1) ", "TAP version 14", "make[1]: Entering directory '", "Downloading 42%"),
]
FILLINGS = [
    "a",
    " ",
    "[",
    "0",
    "42%",
    "1/2 ",
    "=",
    ".",
    "a::",
    "a ",
    "- ",
    "\0",
    "\ufffd",
    "é",
    "| 1/",
]


@pytest.mark.parametrize("name", SOURCES)
def test_a_line_of_a_megabyte_takes_a_source_no_long_time(name: str) -> None:
    source = sources(Program("unittest"), ["cc a.c"])[name]
    for filling in FILLINGS:
        line = Line(filling * (MEGABYTE // len(filling)), redrawn=True)
        assert within(1, partial(source.read, line)), filling


@pytest.mark.parametrize("name", SOURCES)
def test_a_line_that_begins_like_progress_takes_no_long_time_either(name: str) -> None:
    source = sources(Program("unittest"), ["cc a.c"])[name]
    for beginning, filling in product(BEGINNINGS, FILLINGS):
        line = Line(beginning + filling * (20_000 // len(filling)), redrawn=True)
        assert within(0.3, partial(source.read, line)), (beginning, filling)


@pytest.mark.parametrize("seed", range(10))
def test_lines_of_pieces_of_progress_raise_nothing(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [*BEGINNINGS, *FILLINGS, "]", "%", " [ 42%]", "/", "1", "99999999", " OK 1s"]
    tracker = Tracker(dice.choice([["make"], ["pytest"], ["cargo", "build"], ["unittest"]]))
    for _ in range(500):
        text = "".join(dice.choice(pieces) for _ in range(dice.randrange(1, 12)))
        tracker.read(Line(text, redrawn=dice.random() < 0.5), dice.random())
        assert len(tracker.progress.phase) <= MOST_PHASE


def test_the_tracker_looks_at_the_beginning_of_a_long_line() -> None:
    tracker = Tracker(["ninja"])
    tracker.read(Line("[1/2] " + "x" * MEGABYTE), 0)
    assert (tracker.progress.percent, len(tracker.progress.phase)) == (50, MOST_PHASE)

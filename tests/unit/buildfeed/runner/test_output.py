"""What of the output of a build is sent as `log`, and when."""

import random

import pytest

from buildfeed.activity import MAX_LOG_BYTES
from buildfeed.runner.lines import Line
from buildfeed.runner.output import MOST_A_SECOND, MOST_IN_LINE, MOST_WAITING, Content, Output


def test_the_first_line_is_sent_at_once_and_the_next_ones_together() -> None:
    output = Output()
    output.add(Line("a"))
    assert output.take(10.0) == Content("a\n", 0)
    output.add(Line("é"))
    output.add(Line(""))
    assert output.take(10.1) is None
    assert output.due() == 10.25
    assert output.take(10.25) == Content("é\n\n", 2)
    assert output.due() is None
    assert output.end() == []


def test_no_more_than_four_are_sent_a_second() -> None:
    output = Output()
    times = []
    for step in range(1000):
        output.add(Line("x" * 100))
        if output.take(step / 100):
            times.append(step / 100)
    assert len(times) == 10 * MOST_A_SECOND


def test_a_line_that_is_drawn_over_is_not_sent() -> None:
    output = Output()
    output.add(Line("10%", redrawn=True))
    output.add(Line("100%"))
    assert output.end() == [Content("100%\n", 0)]


@pytest.mark.parametrize("character", ["z", "é", "🚀"])
def test_a_long_line_is_cut_and_says_so(character: str) -> None:
    output = Output()
    output.add(Line(character * 4096, left_out=1_000_000))
    (content,) = output.end()
    kept = content.text.count(character)
    assert len(content.text.encode()) <= MOST_IN_LINE
    assert content.text.endswith(f" [{1_004_096 - kept:,} more characters]\n")


def test_a_line_that_just_fits_is_whole() -> None:
    output = Output()
    output.add(Line("a" * 4095))
    assert output.end() == [Content("a" * 4095 + "\n", 0)]


def test_of_a_long_output_the_middle_is_left_out_and_a_line_says_how_much() -> None:
    max_log = 512 * 1024
    output, now, sent, whole = Output(max_log), 0.0, list[Content](), 0
    for number in range(20_000):
        line = Line(f"{number:099}")
        output.add(line)
        whole += 100
        now += 1
        if content := output.take(now):
            sent.append(content)
    assert sum(len(content.text) for content in sent) <= max_log // 2
    sent += output.end()

    text = "".join(content.text for content in sent)
    first, _, rest = text.partition("[")
    note, _, last = rest.partition("]\n")
    assert first.startswith(f"{0:099}\n")
    assert last.endswith(f"{19_999:099}\n")
    left_out = whole - len(first) - len(last)
    assert note == f"{left_out:,} bytes of output are left out here"
    assert max_log * 0.9 < len(text) <= max_log
    assert sent[-1].offset + len(sent[-1].text) == whole


def test_output_waits_in_bounds_while_the_broker_is_away() -> None:
    output = Output()
    for number in range(30_000):
        output.add(Line(f"{number:0999}"))
    contents = output.end()
    assert sum(len(content.text) for content in contents) <= MOST_WAITING
    assert contents[0].offset > 0
    assert contents[-1].text.endswith(f"{29_999:0999}\n")
    assert contents[-1].offset + len(contents[-1].text) == 30_000 * 1000


def test_no_contents_overlap_and_gaps_are_what_was_left_out() -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    output, whole, contents, now = Output(64 * 1024), 0, list[Content](), 0.0
    for _ in range(3000):
        line = Line("é" * chance.randrange(300))
        whole += len(line.text.encode()) + 1
        output.add(line)
        now += chance.choice([0, 0.1])
        if chance.random() < 0.5 and (content := output.take(now)):
            contents.append(content)
    contents += output.end()
    end = 0
    for content in contents:
        assert content.offset >= end, f"seed {seed}"
        assert len(content.text.encode()) <= MAX_LOG_BYTES, f"seed {seed}"
        assert (content.offset > end) == content.text.startswith("["), f"seed {seed}"
        end = content.offset + len(content.text.encode())
    assert end == whole, f"seed {seed}"

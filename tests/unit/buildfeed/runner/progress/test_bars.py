"""Percentages that are drawn over themselves."""

import pytest

from buildfeed.runner.progress.bars import Bars
from buildfeed.runner.progress.reading import Reading
from support.captured import printed, readings


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (
            "Epoch 1:  42%|████▏     | 42/100 [00:04<00:05,  9.9it/s, acc=93%]",
            Reading(done=42, total=100, phase="Epoch 1"),
        ),
        ("  0%|          | 0/3 [00:00<?, ?it/s]", Reading(done=0, total=3)),
        ("Progress: [ 42%] [######........]", Reading(percent=42, phase="Progress")),
        ("42.7 % done", Reading(percent=42)),
        ("Training  7%", Reading(percent=7, phase="Training")),
        ("42% [1 foo 12.3 kB/45 kB 27%]", Reading(phase="42%")),
        ("a.iso   42%[==>   ]  12.34M  4.56MB/s  eta 3s", Reading(phase="a.iso 42%")),
        ("Receiving objects:  42% (420/1000)", Reading(phase="Receiving objects 42%")),
        (" 42  100M   42 42.0M    0     0  5120k      0  0:00:20", Reading(phase="42%")),
        ("Reading database ... 45%", Reading(phase="Reading database 45%")),
    ],
)
def test_a_bar_counts_unless_it_is_of_one_thing_of_many(text: str, reading: Reading) -> None:
    assert readings(Bars(), printed(text, redrawn=True)) == [reading]
    assert readings(Bars(), printed(text)) == []


@pytest.mark.parametrize("text", ["cpu 30% mem 20%", "180%", "1234%", "no percent", "", "%"])
def test_lines_that_are_no_bar(text: str) -> None:
    assert readings(Bars(), printed(text, redrawn=True)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a.iso   42%[==>   ]  12.34M  4.56MB/s  eta 3s",
        "######                42.0%",
        " 42  100M   42 42.0M    0     0  5120k      0  0:00:20",
    ],
)
def test_a_command_that_only_downloads_is_as_far_as_its_bar(text: str) -> None:
    assert readings(Bars(alone=True), printed(text, redrawn=True))[0].percent == 42


def test_a_bar_that_is_full_is_left_to_stand() -> None:
    bars = Bars()
    said = readings(bars, printed("copy 90%", redrawn=True) + printed("copy 100%", "copy 100%"))
    assert [each.percent for each in said] == [90, 100]
    assert readings(bars, printed("copy 90%", redrawn=True) + printed("now 50% off")) == [
        Reading(percent=90, phase="copy")
    ]

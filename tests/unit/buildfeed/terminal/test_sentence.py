from typing import Any

import pytest
from msgspec import convert

from buildfeed.terminal import sentence
from buildfeed.terminal.picture import State
from support.told_gateway import build


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"progress": 40}, "running 40 %"),
        ({"progress": 40, "phase": "Linking"}, "running 40 % Linking"),
        ({"indeterminate": True, "phase": "test_a"}, "running test_a"),
        ({"status": "queued", "ahead": 3}, "queued, 3 before it"),
        ({"status": "queued", "ahead": 0}, "queued"),
        ({"attempt": 2}, "running 10 %, attempt 2"),
        ({"lost": True}, "running 10 %, lost: nothing is heard of its worker"),
        ({"stopping": True, "stoppedBy": "bob"}, "running 10 %, asked to stop by bob"),
        ({"status": "stopped", "stoppedBy": "bob"}, "stopped, by bob"),
        ({"status": "stopped"}, "stopped"),
        ({"status": "succeeded", "exitCode": 0}, "succeeded, exit code 0"),
        ({"status": "stopped", "exitCode": -15}, "stopped, signal 15"),
        ({"errors": 1, "error": "a.c:3: no type\n  here"}, "running 10 %, 1 error: a.c:3: no type"),
        ({"status": "failed", "errors": 2}, "failed, 2 errors"),
    ],
)
def test_a_build_in_one_line(facts: dict[str, Any], told: str) -> None:
    assert sentence.told(convert(build(**facts), State)) == told


@pytest.mark.parametrize(
    "text", ["\x1b]0;title\x07", "\x9b2J", "\u202egnihton", "\r\x1b[A", "a\x00b"]
)
def test_texts_of_strangers_do_nothing_to_a_terminal(text: str) -> None:
    told = {"phase": text, "error": text, "errors": 1, "stopping": True, "stoppedBy": text}
    assert sentence.told(convert(build(**told), State)).isprintable()

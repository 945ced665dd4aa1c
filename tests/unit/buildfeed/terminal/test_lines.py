import io
import json
from typing import Any

import pytest
from msgspec import convert

from buildfeed.terminal import lines
from buildfeed.terminal.lines import JsonLines, Lines
from buildfeed.terminal.picture import State
from support.told_gateway import build


def show(shown: Lines | JsonLines, **more: Any) -> None:
    body = build(**more)
    shown.show(convert(body, State), json.dumps(body, ensure_ascii=False).encode())


def test_a_line_for_each_news_and_the_title_once() -> None:
    out, aside = io.StringIO(), io.StringIO()
    shown = Lines(out, aside)
    show(shown, title="make \x1b[2J")
    show(shown, title="make \x1b[2J", seq=2)
    show(shown, title="make \x1b[2J", progress=20)
    shown.say("Connected again.")
    assert out.getvalue() == "acme 01a1 running 10 %: make \\x1b[2J\nacme 01a1 running 20 %\n"
    assert aside.getvalue() == "Connected again.\n"


def test_lines_of_old_builds_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_MOST", 3)
    shown = Lines(io.StringIO(), io.StringIO())
    for number in range(9):
        show(shown, build=f"0{number}")
    assert len(shown._last) == 3


def test_json_is_the_event_with_nothing_that_a_terminal_obeys() -> None:
    out = io.StringIO()
    show(JsonLines(out, io.StringIO()), title="make \x9b2J")
    assert json.loads(out.getvalue()) == build(title="make \x9b2J")
    assert out.getvalue().endswith("\n")
    assert out.getvalue()[:-1].isprintable()

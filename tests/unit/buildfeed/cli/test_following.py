"""Where bars are drawn, and where lines are written."""

import io
import sys
from typing import Any

import pytest

from buildfeed.cli.following import drawn
from buildfeed.terminal.bars import Bars
from buildfeed.terminal.lines import Lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: Any) -> type[object]:
    with drawn(stream) as display:
        return type(display)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_has_bars_and_a_file_has_lines() -> None:
    assert shown(Terminal()) is Bars
    assert shown(io.StringIO()) is Lines


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_that_cannot_draw_has_lines(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("TERM", kind)
    assert shown(Terminal()) is Lines


def test_without_the_library_there_are_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "buildfeed.terminal.bars", None)
    assert shown(Terminal()) is Lines
    assert capsys.readouterr().err == "For bars: pip install 'buildfeed[terminal]'.\n"

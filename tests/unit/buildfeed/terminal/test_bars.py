import io
from typing import Any

import pytest
from msgspec import convert
from rich.console import Console

from buildfeed.terminal import bars
from buildfeed.terminal.bars import Bars
from buildfeed.terminal.picture import State
from support.told_gateway import build


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on a terminal of ten lines."""

    def console(**options: Any) -> Console:
        return Console(**options, force_terminal=True, width=100, height=10)

    monkeypatch.setattr(bars, "Console", console)
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has no cursor to hide
    return io.StringIO()


def picture(shown: Bars) -> str:
    """Return the bars as they would be drawn now, without colours."""
    console = Console(width=100, height=10, file=io.StringIO())
    with console.capture() as capture:
        console.print(shown._table())
    return capture.get()


def state(**more: Any) -> State:
    return convert(build(**more), State)


def test_a_build_has_a_bar_until_it_ends(drawn: io.StringIO) -> None:
    with Bars(drawn) as shown:
        shown.show(state(progress=40, phase="Linking", title="make -j8"), b"")
        assert "running 40 % Linking" in picture(shown)
        assert "make -j8" in picture(shown)
        shown.show(state(seq=9, status="failed", progress=40, exitCode=2), b"")
        assert picture(shown).strip() == ""
    assert drawn.getvalue().count("failed, exit code 2") == 1


def test_those_without_room_are_counted(drawn: io.StringIO) -> None:
    with Bars(drawn) as shown:
        for number in range(20):
            shown.show(state(build=f"{number:04x}"), b"")
        assert len(picture(shown).splitlines()) == 9
        assert "12 more" in picture(shown)


def test_texts_of_strangers_draw_nothing(drawn: io.StringIO) -> None:
    told = {
        "title": "\x1b]0;x\x07[bold]",
        "phase": "\x9b2J",
        "errors": 1,
        "error": ":smile:\x1b[2J",
    }
    with Bars(drawn) as shown:
        shown.show(state(**told), b"")
        shown.show(state(**told, status="failed", seq=3), b"")
        shown.say("said")
    for sequence in ("\x1b]0", "\x9b", "\x1b[2J"):
        assert sequence not in drawn.getvalue()
    assert "[bold]" in drawn.getvalue()
    assert ":smile:" in drawn.getvalue()


def test_the_cursor_is_there_again_in_the_end(drawn: io.StringIO) -> None:
    with pytest.raises(KeyboardInterrupt), Bars(drawn):
        raise KeyboardInterrupt
    assert drawn.getvalue().rindex("\x1b[?25h") > drawn.getvalue().rindex("\x1b[?25l")

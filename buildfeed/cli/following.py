"""Builds followed until the end, or until somebody has seen enough: for `tail` and `start`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TextIO

import click
import msgspec
from msgspec.structs import replace

from buildfeed.cli.gateway_options import NotDone
from buildfeed.machine import signals
from buildfeed.terminal import lines, safe_text
from buildfeed.terminal.display import Display
from buildfeed.terminal.follow import Follower
from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.lines import JsonLines, Lines
from buildfeed.terminal.output_order import Piece
from buildfeed.terminal.picture import OUTCOMES
from buildfeed.terminal.wanted import Wanted

_NO_BARS: Final = "For bars: pip install 'buildfeed[terminal]'."


@contextmanager
def drawn(stream: TextIO) -> Iterator[Display]:
    """Give what shows builds to people on `stream`: bars on a terminal, else lines."""
    if not stream.isatty() or os.environ.get("TERM") in (None, "", "dumb"):
        yield Lines(stream, sys.stderr)
        return
    try:
        from buildfeed.terminal.bars import Bars  # noqa: PLC0415 - lines need no `rich`
    except ModuleNotFoundError:
        click.echo(_NO_BARS, err=True)
        yield Lines(stream, sys.stderr)
        return
    with Bars(stream) as bars:
        yield bars


def json_lines() -> Display:
    """Return what shows builds to programs."""
    return JsonLines(sys.stdout, sys.stderr)


def write_text(_piece: Piece, text: str) -> None:
    """Write output as it is, but for what a terminal would obey."""
    lines.write(sys.stdout, safe_text.output(text))


def write_json(piece: Piece, text: str) -> None:
    """Write output as an event `log`."""
    body = msgspec.json.encode(replace(piece, content=text)).decode()
    lines.write(sys.stdout, f"{safe_text.json(body)}\n")


def follow(gateway: Gateway, wanted: Wanted, display: Display, **how: Any) -> int:  # noqa: ANN401 - those of Follower
    """Follow builds, and return the exit code when the one that was waited for has ended.

    Raises NotDone, and KeyboardInterrupt also for the other signals that end a command, so that a
    terminal is left in order.
    """
    before = {number: signal.signal(number, _interrupt) for number in signals.ending()}
    try:
        state = Follower(gateway, wanted, display, **how).run()
    except (Refused, Away) as exc:
        raise NotDone(exc.reason) from exc
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return OUTCOMES[state.status] if state else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

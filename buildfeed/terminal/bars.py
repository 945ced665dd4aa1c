"""Builds as bars on a terminal; what has ended is a line above them."""

import threading
from typing import Final, Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from buildfeed.activity import Key
from buildfeed.terminal import sentence
from buildfeed.terminal.picture import State
from buildfeed.text import printable

_PICTURES_A_SECOND: Final = 8
_BAR_WIDTH: Final = 20
_SHORT: Final = 8
"""Characters of the end of a build's id: the beginnings of those of one day are alike."""
_MOST_ENDED: Final = 1000
"""Builds of which the end is remembered, so that it is not told again."""
_STYLES: Final = {"succeeded": "green", "failed": "red", "stopped": "yellow"}
_RUNNING, _RED, _QUIET = "cyan", "red", "bright_black"


class Bars:
    """As a context: a bar on `stream` for each build that has not ended.

    Those that find no room are counted.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, markup=False, highlight=False, emoji=False)
        self._lock = threading.Lock()  # another thread draws
        self._running: dict[Key, State] = {}
        self._ended: dict[Key, str] = {}
        self._live = Live(
            console=self._console,
            refresh_per_second=_PICTURES_A_SECOND,
            get_renderable=self._table,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, state: State, _body: bytes) -> None:
        """Draw a build."""
        with self._lock:
            if not state.ended:
                self._running[state.key] = state
                return
            self._running.pop(state.key, None)
        told = sentence.told(state)
        if self._ended.pop(state.key, None) != told:
            text = Text(f"{sentence.name(state)} ")
            text.append(told, _STYLES.get(state.status, ""))
            text.append(_title(state), _QUIET)
            self._console.print(text, soft_wrap=True)
        self._ended[state.key] = told
        if len(self._ended) > _MOST_ENDED:
            del self._ended[next(iter(self._ended))]

    def forget(self, state: State) -> None:
        """Draw no bar for it any more."""
        with self._lock:
            self._running.pop(state.key, None)
        self.say(f"{sentence.name(state)} {sentence.UNKNOWN_END}")

    def say(self, sentence_: str) -> None:
        """Write a sentence above the bars."""
        self._console.print(Text(sentence_, _QUIET), soft_wrap=True)

    def _table(self) -> Table:
        """Return the bars, as many as find room."""
        with self._lock:
            running = list(self._running.values())
        room = max(self._console.height - 2, 1)
        table = Table.grid(padding=(0, 1))
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
        for state in running[:room]:
            table.add_row(*_row(state))
        if len(running) > room:
            table.add_row(Text(f"{len(running) - room} more", _QUIET))
        return table


def _row(state: State) -> tuple[Text | ProgressBar, ...]:
    style = _RED if state.errors else _RUNNING
    bar = ProgressBar(
        total=100,
        completed=state.progress,
        width=_BAR_WIDTH,
        pulse=state.indeterminate and state.status == "running" and not state.lost,
        complete_style=style,
        finished_style=style,
        pulse_style=style,
    )
    told = Text(sentence.told(state), _RED if state.errors else "")
    told.append(_title(state), _QUIET)
    return Text(state.project, "bold"), Text(state.build[-_SHORT:], _QUIET), bar, told


def _title(state: State) -> str:
    return f"  {printable(state.title)}" if state.title else ""

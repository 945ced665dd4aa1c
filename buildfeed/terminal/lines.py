"""Builds as lines: for people without a terminal, and as JSON for programs."""

from typing import Final, TextIO

from buildfeed.activity import Key
from buildfeed.terminal import safe_text, sentence
from buildfeed.terminal.picture import State
from buildfeed.text import printable

_MOST: Final = 2000
"""Builds of which the last line is remembered, so that it is not repeated."""


def write(stream: TextIO, text: str) -> None:
    """Write a text at once."""
    stream.write(text)
    stream.flush()


class Lines:
    """A line on `stream` whenever there is something new to say of a build; sentences on `aside`.

    The first line of a build has its title.
    """

    def __init__(self, stream: TextIO, aside: TextIO) -> None:
        self._stream = stream
        self._aside = aside
        self._last: dict[Key, str] = {}

    def show(self, state: State, _body: bytes) -> None:
        """Write a line if it is another than the last one of the build."""
        told = sentence.told(state)
        last = self._last.pop(state.key, None)
        self._last[state.key] = told
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]
        if told != last:
            title = f": {printable(state.title)}" if last is None and state.title else ""
            write(self._stream, f"{sentence.name(state)} {told}{title}\n")

    def forget(self, state: State) -> None:
        """Write that the build has ended."""
        self._last.pop(state.key, None)
        write(self._stream, f"{sentence.name(state)} {sentence.UNKNOWN_END}\n")

    def say(self, sentence_: str) -> None:
        """Write a sentence aside."""
        write(self._aside, f"{sentence_}\n")


class JsonLines:
    """The events themselves on `stream`, one a line; sentences on `aside`."""

    def __init__(self, stream: TextIO, aside: TextIO) -> None:
        self._stream = stream
        self._aside = aside

    def show(self, _state: State, body: bytes) -> None:
        """Write the body of the event."""
        write(self._stream, f"{safe_text.json(body.decode())}\n")

    def forget(self, state: State) -> None:
        """Say aside that the build has ended: there is no event of it."""
        self.say(f"{sentence.name(state)} {sentence.UNKNOWN_END}")

    def say(self, sentence_: str) -> None:
        """Write a sentence aside."""
        write(self._aside, f"{sentence_}\n")

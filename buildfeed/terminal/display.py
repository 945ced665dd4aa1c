"""Where a command shows builds."""

from typing import Protocol

from buildfeed.terminal.picture import State


class Display(Protocol):
    """Shows builds in its way."""

    def show(self, state: State, body: bytes) -> None:
        """Show the newest state of a build; `body` is the event in JSON that brought it."""
        ...

    def forget(self, state: State) -> None:
        """Show no more of a build that has ended in a way that is not known."""
        ...

    def say(self, sentence: str) -> None:
        """Tell a sentence about the picture as a whole."""
        ...

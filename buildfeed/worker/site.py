"""The site of a build: what its runner may ask while it runs."""

from concurrent.futures import Future
from typing import Final

from buildfeed.worker.hearing import Hearing

_MOST_UNCONFIRMED: Final = 8
"""Pieces of output that are on their way to the broker at a time: 16 KiB each at most."""


class BuildSite:
    """The `Site` of one build, on the connection and the clock of `hearing`."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._unconfirmed: set[Future[None]] = set()
        self.ending = False

    def time(self) -> float:
        """Return the time in seconds; it stands still while this process does."""
        return self._hearing.time()

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`."""
        await self._hearing.sleep_until(moment)

    @property
    def takes_output(self) -> bool:
        """True while the broker is there, and keeps up."""
        self._unconfirmed = {each for each in self._unconfirmed if not each.done()}
        return self._hearing.connection > 0 and len(self._unconfirmed) < _MOST_UNCONFIRMED

    def sent(self, confirmed: "Future[None]") -> None:
        """Take note of output that was published."""
        self._unconfirmed.add(confirmed)

"""A transport: one of the ways in which watchers hear events.

Each transport takes every event, and sends it to those of its watchers that are connected by it. It
never makes its caller wait: an event that a watcher cannot take yet waits in that watcher's
backlog. An event without room there is owed: at its turn the newest state is sent, which `Newest`
finds.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from starlette.routing import BaseRoute

from buildfeed.activity import Key
from buildfeed.board import BuildState
from gateway.state.event import Event
from gateway.state.event_bodies import Body
from gateway.state.live import Live

COMPANY_SECONDS: Final = 0.5
"""How long a `feed` without news waits for another event to leave with. A write of its own would
begin a frame, and an event that comes a moment later would wait for its end."""

NEWS_SECONDS: Final = 0.1
"""The same for a `feed` with news: nobody notices a wait as short as this."""


class Transport(Protocol):
    """A transport, as the gateway uses it. Used from the event loop only."""

    @property
    def label(self) -> str:
        """Its name in the metric `buildfeed_watchers`."""

    @property
    def watchers(self) -> int:
        """How many watchers are connected."""

    @property
    def sent(self) -> int:
        """Events `build` handed to watchers since the start."""

    @property
    def merged(self) -> int:
        """States left out since the start because newer ones replaced them."""

    @property
    def stuck(self) -> int:
        """Watchers closed since the start because they took nothing."""

    def routes(self) -> Sequence[BaseRoute]:
        """Return its part of the routing table."""

    def deliver(self, event: Event) -> None:
        """Send `event` to those of its watchers that are connected here."""

    async def run(self) -> None:
        """Look after the connections until cancelled."""

    async def close(self) -> None:
        """Let go of the library below, if there is one."""


class Newest:
    """The newest bodies, for a watcher that was behind.

    `find` returns a build's newest state, from history when it fell off the board; it raises
    HistoryUnavailable. `feed` returns the body of the `feed` event as it is now.
    """

    def __init__(
        self,
        live: Live,
        find: Callable[[str, str], Awaitable[BuildState | None]],
        feed: Callable[[], Body],
    ) -> None:
        self._live = live
        self._find = find
        self.feed = feed

    def on_board(self, key: Key) -> Body | None:
        """Return the body of the `build` event of a build on the board, else None."""
        state = self._live.board.get(*key)
        return None if state is None else self._live.body(state)

    async def build(self, key: Key) -> Body | None:
        """Return the body of the `build` event, None of a build that nobody knows.

        Raises HistoryUnavailable.
        """
        state = await self._find(*key)
        return None if state is None else self._live.body(state)

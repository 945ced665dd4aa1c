"""The start of a build that goes on here while another worker keeps it."""

from collections.abc import Awaitable, Callable

from buildfeed.activity import Build, Key


class HeldByPeer:
    """A start that `keeper` keeps, for as long as this worker runs the build as `attempt`.

    `connected` tells whether the connection is still the one on which the keeper was heard. While
    it is, the broker has told nobody that this worker is gone, and the keeper does not begin.
    `say` publishes something on that connection, until it is acknowledged.
    """

    stopping = False  # a stop reaches the build itself
    doubtful = False

    def __init__(
        self,
        start: Build,
        attempt: int,
        keeper: str,
        *,
        connected: Callable[[], bool],
        say: Callable[[], Awaitable[None]],
    ) -> None:
        self.start = start
        self.attempt = attempt
        self.keeper = keeper
        self._connected = connected
        self._say = say
        self._given_up = False

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.start.project, self.start.build

    @property
    def lost(self) -> bool:
        """True when it may be kept no more."""
        return self._given_up or not self._connected()

    def given_up(self) -> None:
        """Take note that the keeper keeps it no more."""
        self._given_up = True

    async def still_mine(self) -> bool:
        """Make a round trip on the connection on which the keeper was heard."""
        if not self.lost:
            await self._say()
        return not self.lost

    async def still_wanted(self) -> bool:
        """Say yes: it runs here already."""
        return True

    async def ack(self) -> None:
        """Do nothing: the keeper hears the ending and says so to the queue."""

    async def reject(self, *, requeue: bool) -> None:
        """Do nothing: the keeper hears that the build runs here no more, and begins."""

"""A delivery that a peer holds: its build runs here."""

from collections.abc import Awaitable, Callable

from buildfeed.activity import Build, Key


class HeldByPeer:
    """A start that the worker `keeper` keeps while this worker runs its build as `attempt`.

    `connected` tells whether the connection is still the one on which the keeper was heard. While
    it is, the broker has told nobody that this worker is gone, and the keeper does not begin.
    `say` publishes something on that connection, and returns when it is acknowledged.
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
        return self.start.key

    @property
    def lost(self) -> bool:
        """True when the keeper may have let go of the start."""
        return self._given_up or not self._connected()

    def give_up(self) -> None:
        """Take note that the keeper has let go of the start."""
        self._given_up = True

    async def still_mine(self) -> bool:
        """Make a round trip on the connection on which the keeper was heard."""
        if not self.lost:
            await self._say()
        return not self.lost

    async def still_wanted(self) -> bool:
        """Return True: the build is running."""
        return True

    async def ack(self) -> None:
        """Do nothing: the keeper hears the ending and acknowledges the start to the queue."""

    async def reject(self, *, requeue: bool) -> None:
        """Do nothing: the keeper hears that the build runs here no longer, and begins."""

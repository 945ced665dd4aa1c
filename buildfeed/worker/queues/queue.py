"""Where a worker's starts come from: the one seam between RabbitMQ and the embedded mode."""

from collections.abc import Callable
from typing import Protocol

from buildfeed.activity import Build, Key


class Delivery(Protocol):
    """A start that was handed to this worker, until it is settled by `ack` or `reject`."""

    @property
    def start(self) -> Build:
        """What to build."""

    @property
    def attempt(self) -> int:
        """How often this start was delivered, counted from 1."""

    @property
    def stopping(self) -> bool:
        """True when it is known that somebody has asked to stop it; `still_wanted` finds out."""

    @property
    def key(self) -> Key:
        """Project and build."""

    @property
    def lost(self) -> bool:
        """True when the connection it came on is gone: the queue hands the start out again."""

    @property
    def doubtful(self) -> bool:
        """True when its build may still run elsewhere: the broker was away a moment ago."""

    async def still_mine(self) -> bool:
        """Ask the broker; while it cannot be reached, wait for it."""

    async def still_wanted(self) -> bool:
        """Ask the history, where there is one, before the build begins.

        False when the build has ended meanwhile, or another worker has begun it.
        """

    async def ack(self) -> None:
        """Say that the build has ended. Nothing happens when the delivery is lost."""

    async def reject(self, *, requeue: bool) -> None:
        """Hand the start back (its next attempt), or else give it up as dead."""


class Queue(Protocol):
    """Hands out starts, never more unsettled ones than it is allowed to."""

    @property
    def returning(self) -> bool:
        """True when it was away a moment ago, so that what it hands out may be doubtful."""

    async def start(self, deliver: Callable[[Delivery], None]) -> None:
        """Call `deliver` in the running event loop with every start, from now on."""

    def allow(self, starts: int) -> None:
        """Let no more than `starts` be unsettled from now on; those that are, stay so."""

    async def stop(self) -> None:
        """Close the connection."""

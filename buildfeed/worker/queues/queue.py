"""The interface of a queue of starts, for RabbitMQ and for the embedded mode. Pure."""

from collections.abc import Callable
from typing import Protocol

from buildfeed.activity import Build, Key


class Delivery(Protocol):
    """A start that was handed to this worker, until it is settled by `ack` or `reject`."""

    @property
    def start(self) -> Build:
        """The build that was asked for."""

    @property
    def attempt(self) -> int:
        """The number of times that this start was delivered."""

    @property
    def stopping(self) -> bool:
        """True when a stop of the build is known; `still_wanted` looks for one."""

    @property
    def key(self) -> Key:
        """Project and build."""

    @property
    def lost(self) -> bool:
        """True when its connection is gone: then the queue hands the start out again."""

    @property
    def doubtful(self) -> bool:
        """True when its build may still run elsewhere, as the broker was away a moment ago."""

    async def still_mine(self) -> bool:
        """Ask the broker whether this worker still has the start; wait while it is away."""

    async def still_wanted(self) -> bool:
        """Ask the history, if there is one, before the build begins.

        False when the build has ended, or another worker has begun it.
        """

    async def ack(self) -> None:
        """Acknowledge the start, as its build has ended. Does nothing when the delivery is lost."""

    async def reject(self, *, requeue: bool) -> None:
        """Hand the start back for its next attempt, or else give it up as a dead letter."""


class Queue(Protocol):
    """Hands out starts, up to the allowed number of unsettled ones."""

    @property
    def returning(self) -> bool:
        """True when the queue was away a moment ago: its starts may be doubtful."""

    async def start(self, deliver: Callable[[Delivery], None]) -> None:
        """Call `deliver` in the running event loop with every start, from now on."""

    def allow(self, starts: int) -> None:
        """Hand out a start only while fewer than `starts` are unsettled, from now on."""

    async def stop(self) -> None:
        """Close the connection."""

"""What was said to this worker while it stood still or was cut off: heard before it says more.

A process that is frozen for 8 s finds all its timers due when it goes on, while a stop that was
confirmed long ago still waits in its socket. Whoever is late makes a round trip on the connection
first: the broker's answer comes behind all that it had sent before.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from broker.mqtt import MqttLink
from buildfeed.errors import BrokerUnavailable

MOMENT: Final = 0.1
"""Seconds by which an event loop that is well may be late."""


class Hearing:
    """The ears of a worker: the connection `link` that stops come on.

    `say` publishes something on it and returns the future of `MqttLink.publish`. Everything
    belongs to the event loop.
    """

    def __init__(self, link: MqttLink, say: "Callable[[], Future[None]]") -> None:
        self._link = link
        self._say = say
        self._trip: asyncio.Future[None] | None = None
        self._begun = 0.0

    @property
    def connection(self) -> int:
        """The number of the connection, 0 while there is none."""
        return self._link.connection if self._link.up else 0

    async def catch_up(self) -> None:
        """Return once all that the broker had sent by now is handled; wait while it is away."""
        now = asyncio.get_running_loop().time()
        if not self._trip or now - self._begun > MOMENT:  # else: many are late together
            self._trip, self._begun = asyncio.wrap_future(self._say()), now
            self._trip.add_done_callback(_look_at)
        with suppress(BrokerUnavailable):  # the worker ends
            await asyncio.shield(self._trip)


def _look_at(trip: "asyncio.Future[None]") -> None:
    """Take note of a failure, also when nobody waits any more."""
    if not trip.cancelled():
        trip.exception()

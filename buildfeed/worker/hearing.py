"""Hearing: a worker that was frozen hears the broker before it publishes an ending.

A process that is frozen for 8 s finds all its timers due when it goes on, while a stop that was
confirmed long ago still waits in its socket, or in its session at the broker. So a worker that was
late publishes a presence that comes back to it, and waits for that echo: messages that the broker
had for it before arrive before. A PUBACK would not do, as it overtakes messages that are queued.

A freeze is noticed by `AwakeClock`. Meanwhile `time` stands still, so that a build does not count a
freeze as time in which it ran.

Relied on: the broker has one queue for the QoS 1 messages of a session, so that the echo arrives
after all messages that were published before it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from buildfeed.awake_clock import AwakeClock
from buildfeed.broker.mqtt.link import MqttLink

_TOGETHER_SECONDS: Final = 0.1
"""Jobs that ask within this many seconds share one echo."""

_PULSE: Final = 0.05
"""Seconds between two looks at the clock."""

_ECHO_SECONDS: Final = 10.0
"""Seconds to wait for the echo on an open connection; after that the broker sends none."""


class Hearing:
    """Tells whether a worker has heard all messages on `link`, on which stops come.

    `say` publishes a presence and returns its number. Call `heard` with the number of each own
    presence that comes back. Everything belongs to the event loop.
    """

    def __init__(self, link: MqttLink, say: Callable[[], int]) -> None:
        self._link = link
        self._say = say
        self._clock = AwakeClock(_PULSE)
        self._caught_up = 0
        self._said = self._heard = 0
        self._said_at = 0.0
        self._news = asyncio.Event()

    async def beat(self) -> None:
        """Watch for freezes, until cancelled."""
        await self._clock.run()

    def time(self) -> float:
        """Return the time in seconds of a clock that stands still while this worker does."""
        return self._clock.time()

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment` of that clock."""
        await asyncio.sleep(0)  # so that builds without pauses take turns
        while (left := moment - self.time()) > 0:  # noqa: ASYNC110 - it may stand still meanwhile
            await asyncio.sleep(left)

    @property
    def behind(self) -> bool:
        """True from a freeze until the echo has come."""
        return self._caught_up < self._clock.freezes or self._clock.late > 0

    @property
    def connection(self) -> int:
        """The number of the connection, 0 while there is none."""
        return self._link.connection if self._link.up else 0

    def heard(self, number: int) -> None:
        """Take note that the own presence `number` came back."""
        self._heard = max(self._heard, number)
        self._news.set()
        self._news = asyncio.Event()

    async def catch_up(self) -> None:
        """Return once all messages that the broker had by now are handled; wait for a broker."""
        freezes = self._clock.freezes + (self._clock.late > 0)
        if (
            _now() - self._said_at > _TOGETHER_SECONDS
        ):  # else one is under way: after a freeze all jobs ask
            self._said, self._said_at = self._say(), _now()
        number = self._said
        while self._heard < number:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ECHO_SECONDS):
                    await self._news.wait()
                    continue
            if self._link.up:
                break
        self._caught_up = max(self._caught_up, freezes)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""The heartbeat of a worker: its presence, published on connect, on change and every 10 s."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from buildfeed import presence
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.presence import REPEAT_SECONDS, Presence

_TOGETHER_SECONDS: Final = 0.02
"""Changes within this many seconds make one presence."""

_SETTLE_SECONDS: Final = 0.2
"""Shortest time in seconds between two presences: many short builds are one change."""

_SAMPLE_SECONDS: Final = 0.5
"""Seconds between two measurements of the lag."""


class Heartbeat:
    """Publishes the presence that `describe(lag_ms)` returns, retained.

    Calls `on_lag`, twice a second, with the seconds by which the event loop is late.
    """

    def __init__(
        self,
        link: MqttLink,
        describe: Callable[[int], Presence],
        on_lag: Callable[[float], None],
    ) -> None:
        self._link = link
        self._describe = describe
        self._on_lag = on_lag
        self._changed = asyncio.Event()
        self._lag = 0.0
        self.said = 0
        """The number of the newest presence, counted from 1."""

    def changed(self) -> None:
        """Publish the presence again soon. Belongs to the event loop."""
        self._changed.set()

    def say(self) -> "Future[None]":
        """Publish the presence now; return the future of `MqttLink.publish`."""
        self.said += 1
        now = replace(self._describe(round(self._lag * 1000)), said=self.said)
        self._lag = 0.0
        return self._link.publish(now.topic, presence.encode(now), qos=1, retain=True)

    async def beat(self) -> None:
        """Publish, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure())
            tasks.create_task(self._publish())

    async def _publish(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REPEAT_SECONDS):
                    await self._changed.wait()
            await asyncio.sleep(_TOGETHER_SECONDS)
            self._changed.clear()
            if self._link.up:  # else presences would pile up; on connect there is one anyway
                self.say()
                await asyncio.sleep(_SETTLE_SECONDS)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _SAMPLE_SECONDS
            await asyncio.sleep(_SAMPLE_SECONDS)
            late = loop.time() - due
            self._lag = max(self._lag, late)
            self._on_lag(late)

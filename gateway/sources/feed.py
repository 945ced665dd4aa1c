"""The `feed` event: it says how live the picture is, so that a page never pretends to be live."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime

from buildfeed.activity import timestamp
from gateway.sources.subscriber import PROBE_SECONDS, Subscriber
from gateway.state.event import FEED, Event
from gateway.state.event_bodies import Body
from gateway.state.live import Live

FEED_SECONDS = 5.0


class Feed:
    """Probes the broker every second; sends `feed` every 5 s and when the broker comes or goes."""

    def __init__(self, subscriber: Subscriber, live: Live, send: Callable[[Event], None]) -> None:
        self._subscriber = subscriber
        self._live = live
        self._send = send

    def body(self) -> Body:
        """Return the body of the event: lags in ms, `time` to correct the clock of a page by."""
        return {
            "broker": "up" if self._subscriber.alive else "down",
            "lag_ms": round(self._subscriber.lag * 1000, 1),
            "recorder_lag_ms": round(self._live.recorder_lag() * 1000),
            "time": timestamp(datetime.now(UTC)),
            "pid": os.getpid(),
            "merged": 0,
        }

    async def run(self) -> None:
        """Probe, refresh places and lost builds, and send, until cancelled."""
        loop = asyncio.get_running_loop()
        sent_at, sent_alive = float("-inf"), False
        while True:
            self._subscriber.probe()
            alive = self._subscriber.alive
            if alive != sent_alive or loop.time() - sent_at >= FEED_SECONDS:
                if alive:
                    self._live.refresh(datetime.now(UTC))
                self._send(Event(FEED, self.body(), watchers=None))
                sent_at, sent_alive = loop.time(), alive
            await asyncio.sleep(PROBE_SECONDS)

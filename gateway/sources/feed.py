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
    """Probes the broker every second; sends `feed` every 5 s and when something comes or goes.

    `takes_commands` tells whether the broker takes starts and stops, `history_up` whether history
    can be used, both as far as is known.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        live: Live,
        send: Callable[[Event], None],
        *,
        takes_commands: Callable[[], bool],
        history_up: Callable[[], bool],
    ) -> None:
        self._subscriber = subscriber
        self._live = live
        self._send = send
        self._takes_commands = takes_commands
        self._history_up = history_up

    def body(self) -> Body:
        """Return the body of the event: lags in ms, `time` to correct the clock of a page by."""
        return {
            "broker": _word(up=self._subscriber.alive),
            "commands": _word(up=self._takes_commands()),
            "history": _word(up=self._history_up()),
            "workers": self._live.online(),
            "lag_ms": round(self._subscriber.lag * 1000, 1),
            "recorder_lag_ms": round(self._live.recorder_lag() * 1000),
            "time": timestamp(datetime.now(UTC)),
            "pid": os.getpid(),
            "merged": 0,
        }

    async def run(self) -> None:
        """Probe, refresh places and lost builds, and send, until cancelled."""
        loop = asyncio.get_running_loop()
        sent_at, told = float("-inf"), self._news()
        while True:
            self._subscriber.probe()
            news = self._news()
            if news != told or loop.time() - sent_at >= FEED_SECONDS:
                if self._subscriber.alive:
                    self._live.refresh(datetime.now(UTC))
                self._send(Event(FEED, self.body, watchers=None, passing=news == told))
                sent_at, told = loop.time(), news
            await asyncio.sleep(PROBE_SECONDS)

    def _news(self) -> tuple[bool, bool, bool, bool]:
        """Return what people wait for: a change is told at once."""
        nobody = self._live.online() == 0
        return self._subscriber.alive, self._takes_commands(), self._history_up(), nobody


def _word(*, up: bool) -> str:
    return "up" if up else "down"

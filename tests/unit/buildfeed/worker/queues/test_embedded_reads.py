"""The queue of the embedded mode, while the history fails."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from buildfeed import keep_running
from buildfeed.activity import Activity
from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.worker.queues import embedded
from buildfeed.worker.queues.embedded import EmbeddedDelivery, EmbeddedQueue
from buildfeed.worker.queues.past import Past
from buildfeed.worker.queues.queue import Delivery
from support.samples import START

NOWHERE = "mqtt://127.0.0.1:9"


class History:
    """Fails in each of the given ways, then has one start."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)

    def offered(self) -> Sequence[tuple[Activity, BuildState]]:
        if not self._failures:
            return [(START, BuildState(START))]
        if failure := self._failures.pop(0):
            raise failure
        return []

    def get(self, _project: str, _build: str) -> BuildState | None:
        raise TypeError("odd")


async def test_it_reads_on_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "_READ_SECONDS", 0.01)
    monkeypatch.setattr(keep_running, "PAUSE_SECONDS", 0.01)
    away = HistoryUnavailable("away")
    history = History(None, away, away, TypeError("odd"), UnicodeError("odder"))
    queue = EmbeddedQueue(NOWHERE, history.offered, Past(history.get), name="w1", slots=1)
    delivered: asyncio.Queue[Delivery] = asyncio.Queue()
    await queue.start(delivered.put_nowait)
    async with asyncio.timeout(5):
        delivery = await delivered.get()
        assert await delivery.still_wanted()  # a history that fails stops no build
    await queue.stop()
    assert delivery.key == START.object.key
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert said.count("history.unread") == 2  # one for the reads, one for the question
    assert said.count("worker.part_failed") == 2


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)])
@pytest.mark.parametrize("live", [True, False])
def test_a_delay_does_not_believe_the_clock_of_its_gateway(*, ahead: timedelta, live: bool) -> None:
    asked = datetime.now(UTC) + ahead
    start = replace(START.object, queued_time=asked, not_before=asked + timedelta(seconds=60))
    queue = EmbeddedQueue(NOWHERE, list, Past(lambda *_: None), name="w1", slots=1)
    early = EmbeddedDelivery(queue, start, 1, live=live).early
    assert early <= 60
    if live:
        assert early > 59

"""Work that is started again whenever it ends."""

import asyncio
import logging

import pytest

from buildfeed import keep_running as module
from buildfeed.keep_running import keep_running

log = logging.getLogger("test")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)


class Work:
    """Ends in a different way each time, and goes on at last."""

    def __init__(self, *ends: BaseException | None) -> None:
        self._ends = list(ends)
        self.going_on = asyncio.Event()

    async def run(self) -> None:
        if self._ends:
            if end := self._ends.pop(0):
                raise end
            return
        self.going_on.set()
        await asyncio.Event().wait()


async def test_however_it_ends_it_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    cancelled = asyncio.CancelledError()  # of something that it waited for, not of itself
    work = Work(TypeError("a"), None, cancelled, ExceptionGroup("c", [OSError()]))
    task = asyncio.create_task(keep_running(work.run, log, "it.failed", part="work"))
    async with asyncio.timeout(5):
        await work.going_on.wait()
    assert [each.getMessage() for each in caplog.records] == ["it.failed"] * 3
    assert all(each.exc_info and vars(each)["part"] == "work" for each in caplog.records)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

"""Questions to a history that hangs."""

import threading

import pytest

from buildfeed.errors import HistoryUnavailable
from gateway import answered as module
from gateway.answered import answered


async def test_an_answer_is_passed_on_and_so_is_a_failure() -> None:
    assert await answered(lambda one, two: one + two, 1, two=2) == 3
    with pytest.raises(ZeroDivisionError):
        await answered(lambda: 1 // 0)


async def test_a_history_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    thawed = threading.Event()
    with pytest.raises(HistoryUnavailable, match=r"no answer within 0\.05 s"):
        await answered(thawed.wait, 10)
    thawed.set()

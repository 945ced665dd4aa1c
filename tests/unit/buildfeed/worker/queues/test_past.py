"""A history that answers late or not at all delays builds, and does not prevent them."""

import threading
import time

import pytest

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.worker.queues.past import Past
from support.samples import BEGIN

KEY = ("acme", "0193")


async def test_it_says_what_has_become_of_a_build() -> None:
    past = Past(lambda project, build: BuildState(BEGIN) if (project, build) == KEY else None)
    assert await past.state(KEY) == BuildState(BEGIN)
    assert await past.state(("acme", "b2")) is None


async def test_a_history_that_fails_is_told_once_and_not_asked_for_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def get(project: str, build: str) -> BuildState:
        asked.append(build)
        if len(asked) == 1:
            raise HistoryUnavailable("no route")
        return BuildState(BEGIN)

    past = Past(get)
    for _ in range(5):
        assert await past.state(KEY) is None
    assert (len(asked), caplog.messages) == (1, ["history.unread"])
    monkeypatch.setattr("buildfeed.worker.queues.past._PAUSE_SECONDS", 0)
    past._ask_again = 0
    assert await past.state(KEY) == BuildState(BEGIN)


async def test_a_history_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildfeed.worker.queues.past._ANSWER_SECONDS", 0.05)
    answered = threading.Event()

    def get(_project: str, _build: str) -> None:
        answered.wait(10)

    began = time.monotonic()
    assert await Past(get).state(KEY) is None
    assert time.monotonic() - began < 5
    answered.set()

"""A snapshot asks the history once, in its turn, and no longer than its watcher waits for it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from buildfeed.board import Board, BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.selection import Selection
from buildfeed.topics import Filter
from gateway.queries.snapshot import Snapshot
from gateway.state.live import Live
from support.builders import accept, ending, start

ALL = [Filter.parse("builds/#")]
QUERIES = 4


class History:
    """A history that answers once it is `open`."""

    def __init__(self) -> None:
        self.asked: list[Selection] = []
        self.states: list[BuildState] = []
        self.fault: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.running = 0

    def newest(self, *, selection: Selection, **_: Any) -> list[BuildState]:
        self.asked.append(selection)
        self.running += 1
        assert self.open.wait(10)
        self.running -= 1
        if self.fault:
            raise self.fault
        return self.states


@pytest.fixture
async def history() -> AsyncIterator[History]:
    history = History()
    yield history
    history.open.set()


@pytest.fixture
def live() -> Live:
    live = Live(lambda _: None, lambda: 0.0)
    live.board = Board(max_ended=1)
    live.receive(ending(build="b1"))
    live.receive(ending(build="b2"))
    assert live.board.forgot
    return live


async def until_running(history: History, number: int) -> None:
    async with asyncio.timeout(10):
        while history.running != number:  # noqa: ASYNC110 - a thread changes it
            await asyncio.sleep(0.001)


async def test_many_filters_are_one_query(live: Live, history: History) -> None:
    filters = [Filter.parse(f"builds/p{number}/#") for number in range(96)]
    await Snapshot(live, history, QUERIES).page(filters)
    assert history.asked == [Selection(projects=frozenset(f"p{number}" for number in range(96)))]


async def test_a_complete_board_needs_no_history(live: Live, history: History) -> None:
    live.board = Board()
    live.board.history_read(whole=True)
    live.receive(start())
    states, following = await Snapshot(live, history, QUERIES).page(ALL)
    assert ([state.key for state in states], following) == ([("acme", "b1")], None)
    assert history.asked == []


async def test_the_board_alone_is_sent_while_history_is_away(live: Live, history: History) -> None:
    history.fault = HistoryUnavailable("gone")
    states, following = await Snapshot(live, history, QUERIES).page(ALL)
    assert ([state.key for state in states], following) == ([("acme", "b2")], None)


async def test_the_board_is_read_last(live: Live, history: History) -> None:
    history.open.clear()
    history.states = [BuildState(ending(build="b1")), BuildState(ending(build="b0"))]
    reading = asyncio.create_task(Snapshot(live, history, QUERIES).whole(ALL))
    await until_running(history, 1)
    live.receive(accept(build="b3"))
    history.open.set()
    assert [state.newest.object.build for state in await reading] == ["b3", "b2", "b1", "b0"]


async def test_a_few_queries_run_at_a_time_and_none_for_who_has_left(
    live: Live, history: History
) -> None:
    history.open.clear()
    snapshot = Snapshot(live, history, QUERIES)
    filters = [[Filter.parse(f"builds/p{number}/#")] for number in range(20)]
    reading = [asyncio.create_task(snapshot.page(each)) for each in filters]
    await until_running(history, QUERIES)
    for each in reading[2:-1]:
        each.cancel()
    await asyncio.gather(*reading[2:-1], return_exceptions=True)
    another = asyncio.create_task(snapshot.page(ALL))
    await asyncio.sleep(0)
    assert snapshot.waiting == 4
    assert history.running == QUERIES  # those of who has left too, until they are over
    history.open.set()
    await asyncio.gather(*reading[:2], reading[-1], another)
    assert snapshot.waiting == 0
    ran = [min(selection.projects, default="all") for selection in history.asked]
    assert sorted(ran[:QUERIES]) == ["p0", "p1", "p2", "p3"]
    assert sorted(ran[QUERIES:]) == ["all", "p19"]

"""What a gateway reads from history."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from buildfeed.history.statistics import Statistics
from buildfeed.history.store import Store
from gateway.sources import catch_up
from gateway.sources.catch_up import CatchUp
from gateway.state.durations import AT_ONCE
from gateway.state.live import Live
from support.builders import accept
from support.builds import activity

PAGE = 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
        yield store


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PAGE", PAGE)
    monkeypatch.setattr(catch_up, "RECENT", PAGE)


@pytest.fixture
def live() -> Live:
    return Live(lambda _event: None, lambda: 0.0)


def read(store: Store, live: Live) -> CatchUp:
    catch_up = CatchUp(store, live)
    asyncio.run(catch_up.read())
    return catch_up


@pytest.mark.parametrize("count", [0, PAGE - 1, PAGE, 3 * PAGE + 1])
def test_every_unfinished_build_is_read(store: Store, live: Live, count: int) -> None:
    keys = {(f"p{number % 2}", f"b{number // 2}") for number in range(count)}
    store.append([activity(build, project=project) for project, build in keys])
    read(store, live)
    assert {state.key for state in live.board.unfinished()} == keys


def test_of_the_ended_builds_the_newest_are_read(store: Store, live: Live) -> None:
    store.append([activity(f"b{number}", "failed") for number in range(9)])
    read(store, live)
    builds = [state.newest.object.build for state in live.board.ended()]
    assert builds == ["b8", "b7", "b6", "b5"]


def test_no_more_is_read_than_the_board_takes(
    store: Store, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_UNFINISHED", 2 * PAGE)
    store.append([activity(f"b{number}") for number in range(9)])
    read(store, live)
    builds = {state.newest.object.build for state in live.board.unfinished()}
    assert builds == {"b8", "b7", "b6", "b5", "b4", "b3"}


def test_all_that_changed_since_is_read(store: Store, live: Live) -> None:
    catch_up = read(store, live)
    store.append([activity(f"b{number}") for number in range(3 * PAGE)])
    asyncio.run(catch_up.read())
    assert len(live.board) == 3 * PAGE


@pytest.mark.parametrize("anew", [1, 9], ids=["shorter", "longer"])
def test_a_history_that_was_made_anew_is_read_anew_and_not_behind(
    store: Store, tmp_path: Path, anew: int
) -> None:
    """A change that went to the history of before is in none: it is not waited for."""
    now = 0.0
    live = Live(lambda _event: None, lambda: now)
    catch_up = CatchUp(store, live)
    store.append([activity(f"b{number}") for number in range(PAGE)])
    asyncio.run(catch_up.read())
    live.receive(activity("gone", "succeeded"))
    store.append([activity("gone", "succeeded")])

    for file in tmp_path.glob("history.db*"):
        file.unlink()
    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as another:
        another.append([activity("missed")])
        another.append([activity(f"c{number}") for number in range(1, anew)])
    asyncio.run(catch_up.read())

    assert live.board.get("acme", "missed")
    now = 20.0
    live.history_used()
    assert live.recorder_lag() == 0
    live.receive(activity("next", "succeeded"))
    now = 30.0
    live.history_used()
    assert live.recorder_lag() == 10


async def test_history_that_takes_no_writes_is_read_and_said_to_be_down(
    store: Store, live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catch_up = CatchUp(store, live)
    store.append([activity("b1")])
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(Store(f"sqlite:///{path}?timeout=0.05")) as impatient:
            catch_up._store = impatient
            running = asyncio.create_task(catch_up.run())
            async with asyncio.timeout(5):
                while not catch_up.trouble:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert live.board.get("acme", "b1")
            assert "locked" in catch_up.trouble
            other.execute("ROLLBACK")
            catch_up.subscribed()
            async with asyncio.timeout(5):
                while catch_up.trouble:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    said = [each.getMessage() for each in caplog.records]
    assert [each for each in said if each.startswith("history")] == ["history.down", "history.up"]


def test_of_many_jobs_few_are_looked_up_in_a_round_and_the_board_is_walked_once(
    store: Store, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And behind the look whether history takes writes, which must not wait for them."""
    store.append([accept(build=f"b{number}", job=f"j{number}") for number in range(60)])
    catch_up = CatchUp(store, live)
    asyncio.run(catch_up.read())
    for state in live.board.unfinished():
        live.body(state)
    steps: list[str] = []
    check, walk = store.check, live.board.unfinished

    def noted(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: steps.append(step) or call(*args)

    monkeypatch.setattr(store, "check", noted("check", check))
    monkeypatch.setattr(live.board, "unfinished", noted("walk", walk))
    monkeypatch.setattr(Statistics, "durations", lambda *_: steps.append("look") or [("b", 9.0)])
    asyncio.run(catch_up.read())
    assert steps == ["check", *["look"] * AT_ONCE, "walk"]
    steps.clear()
    asyncio.run(catch_up.read())
    assert steps == ["check", *["look"] * 10, "walk"]

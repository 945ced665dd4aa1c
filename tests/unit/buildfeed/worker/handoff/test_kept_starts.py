"""Starts kept for builds that may still run elsewhere."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from buildfeed import command
from buildfeed.activity import Script
from buildfeed.presence import SILENCE_SECONDS, Presence, RunningBuild
from buildfeed.worker.handoff.delivery import HeldByPeer
from buildfeed.worker.handoff.kept_starts import (
    ANSWER_SECONDS,
    REPEAT_SECONDS,
    KeptStarts,
)

KEY = ("acme", "01934f4ce3b27b3c8f1e2d3c4b5a6978")
RUNS = Presence("w1", "online", (RunningBuild(*KEY, 1),))


class Connection:
    """What a kept delivery asks of it; `said` counts what was acknowledged."""

    up = True
    breaks = False
    said = 0

    async def say(self) -> None:
        self.said += 1
        self.up = not self.breaks


def kept_by(keeper: str, connection: Connection) -> HeldByPeer:
    wish = {"by": "ada", "script": Script(), "priority": "normal"}
    start = command.start(*KEY, datetime(2026, 11, 21, tzinfo=UTC), **wish)
    return HeldByPeer(start.object, 1, keeper, connected=lambda: connection.up, say=connection.say)


@pytest.fixture
def kept_starts() -> KeptStarts:
    kept = KeptStarts("w2")
    kept.keep(kept_by("w3", Connection()), now=0)
    return kept


def test_a_build_of_which_nobody_says_that_it_runs_is_begun(kept_starts: KeptStarts) -> None:
    assert kept_starts.due(ANSWER_SECONDS - 0.1) == []
    assert [delivery.key for delivery in kept_starts.due(ANSWER_SECONDS)] == [KEY]
    assert not kept_starts


def test_a_build_is_not_begun_while_a_worker_says_that_it_runs(kept_starts: KeptStarts) -> None:
    for now in range(0, 100, 10):
        assert kept_starts.hear(RUNS, now) == []
        assert kept_starts.due(now + 9) == []


def test_that_it_is_kept_is_news_until_its_worker_has_surely_heard_it(
    kept_starts: KeptStarts,
) -> None:
    assert kept_starts.has_news(8)
    kept_starts.hear(RUNS, 8)  # which may not listen yet
    assert kept_starts.has_news(8 + REPEAT_SECONDS - 0.1)
    kept_starts.hear(RUNS, 17)
    assert not kept_starts.has_news(8 + REPEAT_SECONDS)


@pytest.mark.parametrize("said", [Presence("w1", "offline"), Presence("w1", "online")])
def test_it_is_begun_at_once_when_its_worker_says_that_it_runs_no_more(
    kept_starts: KeptStarts, said: Presence
) -> None:
    kept_starts.hear(RUNS, 1)
    assert [delivery.key for delivery in kept_starts.hear(said, 2)] == [KEY]
    assert not kept_starts


def test_it_is_begun_at_once_when_its_worker_says_good_bye_with_it(kept_starts: KeptStarts) -> None:
    said = replace(RUNS, status="offline")
    assert [delivery.key for delivery in kept_starts.hear(said, 1)] == [KEY]


def test_it_is_begun_at_once_when_its_worker_dies_before_it_comes_back() -> None:
    kept_starts = KeptStarts("w2")
    kept_starts.hear(RUNS, 0)
    kept_starts.hear(Presence("w1", "offline"), 1)  # the last will names no builds
    kept_starts.keep(kept_by("w3", Connection()), 2)
    assert len(kept_starts.due(2)) == 1


def test_it_is_begun_when_its_worker_falls_silent(kept_starts: KeptStarts) -> None:
    kept_starts.hear(RUNS, 1)
    assert kept_starts.due(SILENCE_SECONDS) == []
    assert len(kept_starts.due(1 + SILENCE_SECONDS)) == 1


def test_what_others_say_of_their_builds_changes_nothing(kept_starts: KeptStarts) -> None:
    kept_starts.hear(RUNS, 1)
    assert kept_starts.hear(Presence("w4", "offline"), 2) == []
    assert kept_starts.hear(Presence("w2", "online"), 2) == []  # it hears itself
    assert len(kept_starts) == 1


async def test_an_ending_needs_a_round_trip_on_the_connection_of_the_keeper() -> None:
    connection = Connection()
    delivery = kept_by("w2", connection)
    assert await delivery.still_mine()
    assert connection.said == 1
    connection.breaks = True
    assert not await delivery.still_mine()


async def test_a_start_that_its_keeper_gave_up_is_lost() -> None:
    delivery = kept_by("w2", Connection())
    delivery.give_up()
    assert delivery.lost
    assert not await delivery.still_mine()

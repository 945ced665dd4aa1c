"""A turn to send a start, kept and ended by a database that is away at times."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Self

import pytest

from buildfeed.errors import HistoryUnavailable
from buildfeed.history.claims import Claim
from gateway.commands import lease
from gateway.commands.lease import Lease, Leases

CLAIM = Claim("acme", "k", "b1", "h", "first")


class Database:
    """Counters how often a turn was renewed, and knows how it ended."""

    def __init__(self) -> None:
        self.away = self.taken_over = False
        self.failure: Exception = HistoryUnavailable("away")
        self.asked = self.renewed = 0
        self.endings: list[str] = []

    def claims(self, **_: object) -> Self:
        return self

    def renew(self, *_: object) -> bool:
        self._answer()
        self.renewed += 1
        return not self.taken_over

    def end(self, _: Claim, ending: str) -> None:
        self._answer()
        self.endings.append(ending)

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise self.failure


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def leases(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Leases]:
    for name in ("RENEW_SECONDS", "RETRY_SECONDS", "SURE_SECONDS"):
        monkeypatch.setattr(lease, name, 0.01)
    leases = Leases(database)
    yield leases
    await leases.close()


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def ended(held: Lease) -> None:
    async with asyncio.timeout(5):
        await held.task


async def test_it_is_renewed_until_it_is_ended(leases: Leases, database: Database) -> None:
    held = leases.hold(CLAIM)
    await until(lambda: database.renewed > 2)
    assert await held.holds()
    held.end("undone")
    await ended(held)
    assert database.endings == ["undone"]


@pytest.mark.parametrize("failure", [HistoryUnavailable("away"), TypeError("odd")], ids=repr)
async def test_its_end_is_written_down_as_soon_as_the_database_answers(
    leases: Leases, database: Database, failure: Exception
) -> None:
    database.away, database.failure = True, failure
    held = leases.hold(CLAIM)
    held.end("sent")
    await until(lambda: database.asked > 2)
    database.away = False
    await ended(held)
    assert database.endings == ["sent"]


async def test_whether_it_holds_is_said_when_that_is_certain(
    leases: Leases, database: Database
) -> None:
    database.away = True
    held = leases.hold(CLAIM)
    await until(lambda: database.asked > 2)
    holds = asyncio.create_task(held.holds())
    asked = database.asked
    await until(lambda: database.asked > asked + 2)
    assert not holds.done()
    database.away, database.taken_over = False, True
    assert await holds is False
    held.end("undone")
    await ended(held)
    assert database.endings == []


async def test_a_process_that_ends_leaves_what_has_not_ended_to_run_out(
    leases: Leases, database: Database
) -> None:
    held, done = leases.hold(CLAIM), leases.hold(CLAIM)
    done.end("sent")
    await leases.close()
    assert held.task.cancelled()
    assert database.endings == ["sent"]

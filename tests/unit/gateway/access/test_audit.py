"""The audit of a gateway: nobody waits for it, strangers cannot fill it, and no secret is in it."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from buildfeed.errors import HistoryRefused, HistoryUnavailable
from buildfeed.history.audit import Deed
from gateway.access import audit as module
from gateway.access.audit import (
    MOST_WAITING,
    SIGNED_IN_A_MINUTE,
    STRANGERS_A_MINUTE,
    Audit,
    outcome,
)
from gateway.access.principal import not_signed_in
from support.principals import ANYBODY, principal

ADA = principal("ada", "builder@acme")


class History:
    """Takes deeds unless there is a `fault`, or it is `frozen`."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []
        self.ages: list[timedelta] = []
        self.fault: Exception | None = None
        self.asked = 0
        self.answers = threading.Event()
        self.answers.set()

    def append(self, deeds: Sequence[tuple[Deed, timedelta]]) -> None:
        self.asked += 1
        self.answers.wait(10)
        if self.fault:
            raise self.fault
        self.deeds += [deed for deed, _ in deeds]
        self.ages += [age for _, age in deeds]


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "_GATHER_SECONDS", 0.01)
    return History()


@asynccontextmanager
async def running(audit: Audit) -> AsyncIterator[None]:
    task = asyncio.create_task(audit.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await audit.close()


async def until(audit: Audit, history: History, count: int) -> None:
    async with asyncio.timeout(10):
        while len(history.deeds) < count or audit.waiting:  # noqa: ASYNC110 - it is another thread's
            await asyncio.sleep(0.005)


def test_a_deed_is_a_line_and_a_row(history: History, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def note() -> None:
        audit = Audit(history.append)
        async with running(audit):
            audit.accepted(ADA, "start", "acme/b1", "10.0.0.1")
            await until(audit, history, 1)

    asyncio.run(note())
    facts = {
        "principal": "ada",
        "action": "start",
        "subject": "acme/b1",
        "address": "10.0.0.1",
        "outcome": "accepted",
    }
    assert history.deeds == [Deed(**facts)]
    (record,) = caplog.records
    assert record.message == "audit"
    assert {name: getattr(record, name) for name in facts} == facts


def test_rows_wait_while_the_history_is_away(history: History) -> None:
    async def note() -> None:
        audit = Audit(history.append)
        history.fault = HistoryUnavailable("away")
        async with running(audit):
            for number in range(1200):
                audit.accepted(ADA, "start", f"acme/b{number}", "")
            async with asyncio.timeout(10):
                while history.asked < 3:  # noqa: ASYNC110 - it is another thread's
                    await asyncio.sleep(0.005)
            assert audit.waiting == 1200
            history.fault = None
            await until(audit, history, 1200)
        assert audit.lost == 0

    asyncio.run(note())
    assert [deed.subject for deed in history.deeds] == [f"acme/b{n}" for n in range(1200)]
    assert all(age > timedelta(0) for age in history.ages)


def test_nobody_waits_for_a_history_that_is_frozen_and_the_queue_has_a_limit(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    async def note() -> None:
        audit = Audit(history.append)
        history.answers.clear()
        async with running(audit):
            for number in range(MOST_WAITING + 7):
                audit.accepted(ADA, "start", f"acme/b{number}", "")
                if number == 10:
                    await asyncio.sleep(0.05)  # the first batch is under way
            assert audit.waiting == MOST_WAITING
            assert audit.lost == 7
            history.answers.set()
            await until(audit, history, MOST_WAITING)
        assert audit.lost == 7

    asyncio.run(note())
    assert [deed.subject for deed in history.deeds] == [f"acme/b{n}" for n in range(MOST_WAITING)]
    assert "audit.lost" not in caplog.text


def test_what_the_history_will_never_take_is_lost_and_the_rest_goes_on(history: History) -> None:
    async def note() -> None:
        audit = Audit(history.append)
        history.fault = HistoryRefused("no such value")
        async with running(audit):
            audit.accepted(ADA, "start", "acme/b1", "")
            async with asyncio.timeout(10):
                while audit.waiting:  # noqa: ASYNC110 - it is another thread's
                    await asyncio.sleep(0.005)
            history.fault = None
            audit.accepted(ADA, "start", "acme/b2", "")
            await until(audit, history, 1)
        assert audit.lost == 1

    asyncio.run(note())
    assert [deed.subject for deed in history.deeds] == ["acme/b2"]


def test_what_waits_at_the_end_is_recorded_once(history: History) -> None:
    async def note() -> None:
        audit = Audit(history.append)
        history.answers.clear()
        task = asyncio.create_task(audit.run())
        for number in range(600):
            audit.accepted(ADA, "start", f"acme/b{number}", "")
        async with asyncio.timeout(10):
            while not history.asked:  # noqa: ASYNC110 - it is another thread's
                await asyncio.sleep(0.005)
        task.cancel()  # while a batch is under way
        await asyncio.gather(task, return_exceptions=True)
        asyncio.get_running_loop().call_later(0.05, history.answers.set)
        await audit.close()
        assert audit.waiting == audit.lost == 0

    asyncio.run(note())
    assert [deed.subject for deed in history.deeds] == [f"acme/b{n}" for n in range(600)]


def test_what_cannot_be_recorded_at_the_end_is_said(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    async def note() -> None:
        audit = Audit(history.append)
        history.fault = HistoryUnavailable("away")
        audit.accepted(ADA, "start", "acme/b1", "")
        await audit.close()
        assert audit.lost == 1

    asyncio.run(note())
    (record,) = caplog.records
    assert record.message == "audit.lost"
    assert record.__dict__["rows"] == 1


def noted(history: History, audit: Audit) -> list[Deed]:
    asyncio.run(audit.close())
    return history.deeds


def test_the_same_refusal_is_noted_once_a_minute(history: History) -> None:
    audit = Audit(history.append)
    for number in range(100):
        audit.refused(ADA, "start", f"beta{number}", "10.0.0.1", "not-allowed")
    audit.refused(ADA, "stop", "beta", "10.0.0.1", "not-allowed")
    audit.refused(ADA, "start", "beta", "10.0.0.2", "not-allowed")
    assert [deed.subject for deed in noted(history, audit)] == ["beta0", "beta", "beta"]


def test_strangers_fill_neither_the_audit_nor_the_share_of_others(history: History) -> None:
    audit = Audit(history.append)
    for number in range(10_000):
        address = f"10.0.{number // 250}.{number % 250}"
        audit.refused(ANYBODY, "request", "GET /api/builds", address, "not-signed-in: missing")
    audit.refused(ADA, "start", "beta", "10.0.0.1", "not-allowed")
    *strangers, last = noted(history, audit)
    assert len(strangers) == STRANGERS_A_MINUTE
    assert last.principal == "ada"


def test_who_is_signed_in_fills_it_neither(history: History) -> None:
    audit = Audit(history.append)
    for number in range(10_000):
        audit.refused(ADA, "start", "beta", f"10.0.{number // 250}.{number % 250}", "not-allowed")
    assert len(noted(history, audit)) == SIGNED_IN_A_MINUTE


def test_what_is_done_again_and_again_is_noted_once_a_minute(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a start with the same key, and a link that is followed."""
    audit = Audit(history.append)
    for number in range(100):
        audit.accepted(ADA, "start", "acme/b1", "10.0.0.1")
        audit.accepted(ADA, "start", f"acme/b{number}", "10.0.0.1")
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + 61)
    audit.accepted(ADA, "start", "acme/b1", "10.0.0.1")
    subjects = [deed.subject for deed in noted(history, audit)]
    assert subjects.count("acme/b1") == 2
    assert len(subjects) == 101
    assert len(audit._lately) == 100


def test_what_was_done_lately_is_bounded(history: History) -> None:
    audit = Audit(history.append)
    for number in range(module._REMEMBERED + 9):
        audit.accepted(ADA, "start", f"acme/b{number}", "")
    assert len(audit._lately) == module._REMEMBERED


@pytest.mark.parametrize("kind", ["bf_", "bs_", "bl_"])
def test_a_secret_in_an_address_is_not_noted(
    history: History, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    audit = Audit(history.append)
    audit.refused(ANYBODY, "request", f"GET /api/{kind}{'x' * 32}/y", "", "not-signed-in")
    (deed,) = noted(history, audit)
    assert deed.subject == f"GET /api/{kind}…/y"
    assert "xxx" not in caplog.text


def test_an_outcome_says_why() -> None:
    assert outcome(not_signed_in("revoked", "ada")) == "not-signed-in: revoked"


def test_a_token_that_is_good_no_more_is_named(history: History) -> None:
    audit = Audit(history.append)
    problem = not_signed_in("revoked", "ada")
    audit.refused(ANYBODY, "sign-in", "", "", outcome(problem), problem.principal)
    (deed,) = noted(history, audit)
    assert deed.principal == "ada"

"""Who did what is recorded with the time at which it was done, and kept for a year."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from buildfeed.grants import Grants
from buildfeed.history import access_retention, audit
from buildfeed.history.audit import KEPT, MAX_TEXT, AuditLog, Deed
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.schema import sessions, tokens
from buildfeed.history.store import Store

DAY = timedelta(days=1)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with closing(Store(database_url)) as store:
        yield store


@pytest.fixture
def log(store: Store) -> AuditLog:
    return store.audit()


def deed(subject: str = "acme/b1", **facts: str) -> Deed:
    return Deed(principal="ada", action="start", subject=subject, **facts)


def subjects(log: AuditLog, age: timedelta = DAY) -> list[str]:
    return [each.subject for each in log.since(age)]


def test_a_deed_is_read_as_it_was_noted(log: AuditLog) -> None:
    before = datetime.now(UTC)
    log.append([(deed(address="10.0.0.1", outcome="not-allowed"), timedelta(minutes=5))])
    (found,) = log.since(DAY)
    assert (found.principal, found.action, found.subject) == ("ada", "start", "acme/b1")
    assert (found.address, found.outcome) == ("10.0.0.1", "not-allowed")
    late = found.time - (before - timedelta(minutes=5))
    assert timedelta(0) <= late < timedelta(minutes=1)


def test_they_are_read_by_their_time_whoever_recorded_them_first(log: AuditLog) -> None:
    log.append([(deed("new"), timedelta(0)), (deed("old"), timedelta(hours=2))])
    log.append([(deed("middle"), timedelta(hours=1)), (deed("older"), 2 * DAY)])
    assert subjects(log) == ["old", "middle", "new"]
    assert subjects(log, timedelta(minutes=90)) == ["middle", "new"]
    assert subjects(log, 3 * DAY)[0] == "older"


@pytest.mark.parametrize("same_time", [True, False])
def test_many_are_read_page_by_page(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch, *, same_time: bool
) -> None:
    monkeypatch.setattr(audit, "_PAGE", 10)
    ages = [timedelta(seconds=0 if same_time else number) for number in range(25)]
    log.append([(deed(str(number)), age) for number, age in enumerate(ages)])
    told = [str(number) for number in range(25)]
    assert subjects(log) == (told if same_time else told[::-1])


def test_texts_of_strangers_are_stored_short_and_printable(log: AuditLog) -> None:
    log.append([(deed("a\0b\x1b[31m" + "x" * 5000), timedelta(0)), (deed("\ud800"), timedelta(0))])
    long, half = log.since(DAY)
    assert long.subject.startswith("a\\x00b\\x1b[31mxxx")
    assert len(long.subject) == MAX_TEXT
    assert half.subject == "\\ud800"


def test_nothing_is_recorded_of_nothing(log: AuditLog) -> None:
    log.append([])
    assert not list(log.since(DAY))


def test_the_audit_is_kept_for_a_year(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_retention, "MAX_DELETED", 2)  # several transactions
    log = store.audit()
    log.append([(deed(str(days)), days * DAY) for days in (1, 364, 366, 367, 400, 401, 402)])
    retention = Retention(database_url, Keep(1, 1))
    assert retention.sweep_access(datetime.now(UTC)) == 5
    assert subjects(log, 2 * KEPT) == ["364", "1"]
    retention.stop()


def test_tokens_that_are_good_no_more_go_after_a_year_and_sessions_after_90_days(
    store: Store, database_url: str
) -> None:
    now = datetime.now(UTC)
    ages = {
        "good": {},
        "good-for-long": {"expires": now + DAY},
        "revoked": {"revoked": now - 364 * DAY},
        "revoked-long-ago": {"revoked": now - 366 * DAY},
        "expired-long-ago": {"expires": now - 366 * DAY},
    }
    signed_in = {
        "used": {"used": now - DAY},
        "ended": {"used": now - 89 * DAY, "ended": now - 89 * DAY},
        "ended-long-ago": {"used": now - 95 * DAY, "ended": now - 91 * DAY},
        "unused": {"used": now - 121 * DAY},
        "too-old": {"created": now - 181 * DAY, "used": now},
    }
    common = {"created": now - 150 * DAY, "changed": 1}
    none = dict.fromkeys(("expires", "revoked", "used"))
    with store._database.transaction() as connection:
        token = common | none | {"grants": str(next(iter(Grants.parse(["operate"]))))}
        rows = [token | {"id": n, "name": n, "hash": n} | age for n, age in ages.items()]
        connection.execute(insert(tokens), rows)
        row = common | {"token": "good", "ended": None}
        connection.execute(insert(sessions), [row | {"hash": n} | a for n, a in signed_in.items()])
    retention = Retention(database_url, Keep(0, 0))
    assert retention.sweep_access(now) == 5
    assert {token.name for token in store.tokens().all()} == {"good", "good-for-long", "revoked"}
    left = [name for name in signed_in if store.tokens().session(name)]
    assert left == ["used", "ended"]
    retention.stop()

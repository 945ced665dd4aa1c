"""PostgreSQL as operators have it: behind a pooler, in any encoding, demoted, replaced."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history import postgresql as dialect
from buildfeed.history.malformed import Malformed
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from support.pgbouncer import PgBouncer
from support.postgresql import PostgreSQL
from support.samples import BEGIN, END, NOW, START

ENCODINGS = (
    *("EUC_CN", "EUC_JP", "EUC_JIS_2004", "EUC_KR", "EUC_TW", "ISO_8859_5", "ISO_8859_8"),
    *("KOI8R", "LATIN1", "LATIN10", "SQL_ASCII", "WIN866", "WIN1252"),
)
ODD = Malformed("builds/é/日本/\udc80😀", "a reason … � \0", b"\0\xff")


@pytest.fixture(scope="module")
def pgbouncer(postgresql: PostgreSQL) -> Iterator[PgBouncer]:
    with PgBouncer(postgresql) as pooler:
        yield pooler


def use(store: Store) -> None:
    """Do everything that recorders and gateways do."""
    store.check()
    store.append([START, BEGIN, END], [ODD])
    assert store.get("acme", "0193") == BuildState(END)
    assert store.changes(0)[0] == [BuildState(END)]
    assert store.newest(limit=3, project="acme") == [BuildState(END)]
    assert store.latest_status("acme") == END
    assert store.count_activities("acme", "0193") == 3
    assert store.offered() == []
    claims = store.claims("p1")
    key = secrets.token_hex(8)
    claim = claims.take("acme", key, "b1", "h")
    assert claims.renew(claim)
    assert claims.known("acme", key)
    claims.end(claim, "undone")


def test_it_works_behind_a_pooler_that_gives_each_transaction_another_session(
    postgresql: PostgreSQL, pgbouncer: PgBouncer
) -> None:
    url = pgbouncer.url(postgresql.new_database())
    with closing(Store(url)) as store, ThreadPoolExecutor(4) as threads:
        for _ in threads.map(lambda _: use(store), range(40)):  # a driver would prepare by then
            pass
    retention = Retention(url, Keep(1, 1))
    assert retention.sweep(NOW) == 0
    retention.stop()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_works_in_a_database_of_any_encoding(postgresql: PostgreSQL, encoding: str) -> None:
    with closing(Store(postgresql.new_database(encoding))) as store:
        use(store)
        with store._database.transaction() as connection:
            (topic,) = connection.exec_driver_sql("SELECT topic FROM malformed").one()
    assert topic.startswith(r"builds/\xe9/\u65e5\u672c/\udc80")


def test_an_encoding_that_cannot_be_is_refused_in_one_sentence(postgresql: PostgreSQL) -> None:
    with (
        closing(Store(postgresql.new_database("MULE_INTERNAL"))) as store,
        pytest.raises(HistoryUnavailable, match=r"MULE_INTERNAL.* not supported\.$"),
    ):
        store.position()


def test_the_driver_does_not_follow_an_encoding_in_the_environment(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(Store(postgresql.new_database())) as store:
        use(store)


def shown(url: str, *names: str) -> list[str]:
    with closing(Store(url)) as store, store._database.transaction() as connection:
        return [str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names]


def test_what_the_url_sets_is_set(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgresql.new_database()
    both = ["statement_timeout", "application_name"]
    assert shown(url, *both) == ["10s", "buildfeed"]
    mine = "&statement_timeout=700&application_name=mine&pool_size=1&keepalives_idle=3"
    assert shown(url + mine, *both) == ["700ms", "mine"]
    assert shown(url + "&options=-c%20statement_timeout%3D300", *both)[0] == "300ms"
    monkeypatch.setenv("PGAPPNAME", "theirs")
    assert shown(url, *both)[1] == "theirs"


def test_a_url_may_set_how_long_to_wait_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, object] = {}
    dialect._complete(None, None, None, options)
    assert options["connect_timeout"] == 3
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "30")
    options = {"keepalives_idle": "60"}
    dialect._complete(None, None, None, options)
    assert "connect_timeout" not in options
    assert options["keepalives_idle"] == "60"


def test_a_server_that_takes_no_writes_any_more_is_read_until_there_is_another(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    monkeypatch.setattr(dialect, "_STALE_SECONDS", 0.0)
    with closing(Store(postgresql.new_database())) as store:
        use(store)
        before = session(store)
        postgresql.demote()
        try:
            eventually(lambda: "read-only transaction" in trouble(store))
            with pytest.raises(HistoryUnavailable, match="read-only transaction"):
                store.claims("p1").take("acme", "k", "b1", "h")
            assert store.get("acme", "0193") == BuildState(END)
            assert session(store) != session(store) != before
        finally:
            postgresql.restore()
        eventually(lambda: not trouble(store))
        use(store)


def trouble(store: Store) -> str:
    """Return why the database takes no writes, "" if it does."""
    try:
        store.check()
    except HistoryUnavailable as exc:
        return exc.reason
    return ""


def session(store: Store) -> int:
    with store._database.transaction() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


FAILURES = {
    "admin_shutdown": "SELECT pg_terminate_backend(pg_backend_pid())",
    "read_only_sql_transaction": "SET LOCAL transaction_read_only = on; DELETE FROM marks",
    "too_many_connections": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53300'; END $$",
    "disk_full": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53100'; END $$",
    "in_failed_sql_transaction": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '25P02'; END $$",
    "serialization_failure": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$",
    "lock_not_available": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '55P03'; END $$",
    "io_error": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '58030'; END $$",
    "undefined_table": "SELECT * FROM no_such_table",
    "query_canceled": "SET LOCAL statement_timeout = 1; SELECT pg_sleep(9)",
}


@pytest.mark.parametrize("statement", FAILURES.values(), ids=FAILURES.keys())
def test_after_a_failure_no_connection_is_used_again(
    postgresql: PostgreSQL, statement: str
) -> None:
    with closing(Store(postgresql.emptied_database())) as store:
        with ThreadPoolExecutor(3) as threads:
            before = set(threads.map(session, [store] * 12))
        with (
            pytest.raises(HistoryUnavailable),
            store._database.transaction() as connection,
        ):
            connection.exec_driver_sql(statement)
        store.check()
        with ThreadPoolExecutor(3) as threads:
            assert before.isdisjoint(threads.map(session, [store] * 12))


def test_a_database_that_was_made_anew_gets_its_tables(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    name = url.split("/")[3].partition("?")[0]
    with closing(Store(url)) as store:
        use(store)
        before = store.identity()
        assert store.identity() == before
        postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgresql.execute(f"CREATE DATABASE {name}")
        with pytest.raises(HistoryUnavailable):
            store.get("acme", "0193")
        use(store)
        assert store.identity() != before


def test_a_frozen_process_does_not_lock_others_out(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "_IDLE_MS", 300)
    url = postgresql.emptied_database()
    with closing(Store(url)) as frozen, closing(Store(url)) as other:
        with suppress(HistoryUnavailable), frozen._database.transaction() as connection:
            connection.exec_driver_sql("UPDATE counter SET n = n")
            other.append([START])  # waits for the lock
        assert other.get("acme", "0193") == BuildState(START)

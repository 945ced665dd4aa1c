"""Databases of every age are brought up to date, with what is in them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from buildfeed.activity import parse
from buildfeed.errors import HistoryUnavailable
from buildfeed.history import migrations
from buildfeed.history.claims import Claim
from buildfeed.history.schema import HEAD, metadata, revision
from buildfeed.history.store import Store
from support import first_schema
from support.builds import activity, keys
from support.postgresql import PostgreSQL

Fill = Callable[[str], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.db"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def fill_second(url: str) -> None:
    """Make the tables of the second version, with what the first stored."""
    first_schema.fill(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, "2")
    engine.dispose()


FILLS = {"empty": lambda _url: None, "first": first_schema.fill, "second": fill_second}


@pytest.fixture(params=FILLS.values(), ids=FILLS.keys())
def fill(request: pytest.FixtureRequest) -> Fill:
    """What makes a database of an older version."""
    return request.param


def test_the_newest_revision_is_that_of_the_code() -> None:
    assert ScriptDirectory(migrations.__path__[0]).get_current_head() == str(HEAD)


def test_the_tables_become_those_of_the_code(url: str, engine: Engine, fill: Fill) -> None:
    fill(url)
    with closing(Store(url)) as store:
        store.position()
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


HOUR = datetime(2026, 11, 21, 11, tzinfo=UTC)
"""The hour after which the older versions stored something."""


def test_what_the_first_version_stored_is_there(url: str) -> None:
    first_schema.fill(url)
    started, ended = parse(first_schema.STARTED.encode()), parse(first_schema.ENDED.encode())
    with closing(Store(url)) as store:
        assert [parse(payload) for _, payload in store.activities("acme", "b1")] == [started, ended]
        (state,), position = store.changes(6)
        assert state.newest == ended
        assert position == 7
        claims = store.claims("p1")
        claims._now = lambda _connection: HOUR
        claim = claims.take("acme", "k", "b2", "h")
        assert claim == Claim("acme", "k", "b1", "h", "again")
        store.append([ended, activity("b2")])
        assert len(store.activities("acme", "b1")) == 2
        assert keys(store.changes(7)[0]) == [("acme", "b2")]
        store.append([activity("b-2"), activity("b_1"), activity("b10")])
        builds = [build for _, build in keys(store.newest(limit=9))]
        assert builds == sorted(["b1", "b2", "b-2", "b_1", "b10"], reverse=True)


def test_a_process_of_the_second_version_goes_on_with_its_keys(url: str, engine: Engine) -> None:
    fill_second(url)
    with closing(Store(url)) as store:
        claims = store.claims("p1")
        claims._now = lambda _connection: HOUR
        assert claims.take("acme", "k", "b2", "h").turn == "again"
        with engine.begin() as connection:
            columns = "project, key, build, body_hash, created"
            values = "'acme', 'k2', 'b3', 'h', '2026-11-21 10:59:00.000000'"
            connection.execute(text(f"INSERT INTO starts ({columns}) VALUES ({values})"))
        claim = claims.take("acme", "k2", "b4", "h")
        assert claim == Claim("acme", "k2", "b3", "h", "again")


def test_of_several_that_start_together_one_upgrades(url: str, fill: Fill) -> None:
    fill(url)
    barrier = threading.Barrier(4)

    def start(number: int) -> None:
        with closing(Store(url)) as store:
            barrier.wait()
            store.append([activity(f"c{number}")])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))
    with closing(Store(url)) as store:
        states = store.newest(limit=9, ended=False)
        assert {state.newest.object.build for state in states} == {"c0", "c1", "c2", "c3"}


def test_an_upgrade_that_fails_changes_nothing(url: str, engine: Engine) -> None:
    first_schema.fill(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE malformed (n BIGINT)"))
    with closing(Store(url)) as store:
        with pytest.raises(HistoryUnavailable, match="malformed"):
            store.position()
        with engine.begin() as connection:
            assert revision(connection) == 0
            connection.execute(text("DROP TABLE malformed"))
        assert store.position() == 7


def test_the_tables_of_a_newer_version_are_used_as_they_are(url: str, engine: Engine) -> None:
    with closing(Store(url)) as store:
        store.append([activity("b1")])
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
        connection.execute(text("ALTER TABLE builds ADD COLUMN colour VARCHAR"))
    with closing(Store(url)) as store:
        store.append([activity("b1", "succeeded", seq=1)])
        assert store.newest(limit=9, ended=False) == []

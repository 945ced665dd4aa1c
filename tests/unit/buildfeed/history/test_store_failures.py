"""What a store does when processes, rows and databases fail."""

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from support.builds import activity, keys
from support.samples import BEGIN, END, START


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store(url)) as store:
        yield store


KILLED = """
import os, signal, sys
from buildfeed.activity import parse
from buildfeed.history.store import Store
Store(sys.argv[1]).append([parse(sys.stdin.buffer.read())])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_appended_survives_a_kill(url: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, url], input=json.encode(END), check=False, timeout=30
    )
    assert killed.returncode == -signal.SIGKILL
    with closing(Store(url)) as store:
        assert store.get("acme", "0193") == BuildState(END)


def test_a_commit_reaches_the_disk_before_it_is_acknowledged(store: Store) -> None:
    with store._database.engine.connect() as connection:
        pragma = connection.exec_driver_sql
        assert pragma("PRAGMA journal_mode").scalar() == "wal"
        assert pragma("PRAGMA synchronous").scalar() == 2  # FULL


def test_a_busy_database_is_waited_for(path: Path, store: Store) -> None:
    store.append([START])
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.rollback)
        release.start()
        store.append([END])
        release.join()
    assert store.get("acme", "0193") == BuildState(END)


def test_readers_do_not_wait_for_a_writer(path: Path, store: Store) -> None:
    store.append([END])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.get("acme", "0193") == BuildState(END)


def damage(path: Path, column: str, payload: bytes) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE builds SET {column} = ? WHERE build = '0193'", [payload])


@pytest.mark.parametrize("column", ["newest", "stop"])
@pytest.mark.parametrize("payload", [b"\xff", json.encode(END).replace(b'"failed"', b'"paused"')])
def test_a_row_that_cannot_be_read_is_logged_and_left_out(
    path: Path, store: Store, caplog: pytest.LogCaptureFixture, column: str, payload: bytes
) -> None:
    store.append([BEGIN, activity("b2")])
    damage(path, column, payload)
    assert keys(store.newest(limit=9)) == [("acme", "b2")]
    assert store.get("acme", "0193") is None
    assert keys(store.changes(0)[0]) == [("acme", "b2")]
    record = caplog.records[0]
    assert (record.levelno, record.message) == (logging.WARNING, "history.unreadable")
    assert (record.project, record.build) == ("acme", "0193")


def test_the_next_activity_heals_a_row_that_cannot_be_read(path: Path, store: Store) -> None:
    store.append([BEGIN])
    damage(path, "newest", b"\xff")
    store.append([END])
    assert store.get("acme", "0193") == BuildState(END)


def test_a_status_that_cannot_be_read_is_left_out(path: Path, store: Store) -> None:
    store.append([START, END])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE activities SET payload = ? WHERE id = ?", [b"{}", END.id])
    assert store.latest_status("acme") == START


CALLS: dict[str, Callable[[Store], object]] = {
    "append": lambda store: store.append([START]),
    "identity": lambda store: store.identity(),
    "position": lambda store: store.position(),
    "changes": lambda store: store.changes(0),
    "offered": lambda store: store.offered(),
    "newest": lambda store: store.newest(limit=1),
    "get": lambda store: store.get("acme", "0193"),
    "latest_status": lambda store: store.latest_status("acme"),
    "activities": lambda store: store.activities("acme", "0193"),
    "count_activities": lambda store: store.count_activities("acme", "0193"),
    "claims": lambda store: store.claims("p1").take("acme", "k", "b1", "h"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_broken_database_says_so(path: Path, store: Store, call: Callable[[Store], Any]) -> None:
    path.write_bytes(b"This is no database." * 100)
    with pytest.raises(HistoryUnavailable, match="history database cannot be used: file is"):
        call(store)


def test_a_store_works_again_as_soon_as_its_database_does(path: Path, store: Store) -> None:
    path.mkdir()
    with pytest.raises(HistoryUnavailable):
        store.append([START])
    path.rmdir()
    store.append([START])
    assert store.get("acme", "0193") == BuildState(START)


def test_no_payload_is_in_the_error(path: Path, store: Store) -> None:
    store.append([START])
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE activities")
    with pytest.raises(HistoryUnavailable) as caught:
        store.append([END])
    assert END.id not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["", "nonsense", "oracle9://host/x", "sqlite:////proc/no/x.db"])
def test_a_database_that_cannot_be_is_refused_at_once(url: str) -> None:
    with pytest.raises(HistoryUnavailable):
        Store(url)


def test_the_folder_of_the_database_is_made(tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path}/new/folder/history.db")) as store:
        assert store.position() == 0

"""The file of an SQLite history: who may read it, and what happens when it goes away."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from support.builds import activity
from support.samples import END, START


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{path}")) as store:
        yield store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_may_read_it(store: Store, path: Path) -> None:
    store.append([START])
    files = list(path.parent.iterdir())
    assert {each.name for each in files} == {"history.db", "history.db-wal", "history.db-shm"}
    assert {mode(each) for each in files} == {0o600}
    assert mode(path.parent) == 0o700


def test_what_an_administrator_has_set_stays(path: Path) -> None:
    path.parent.mkdir(mode=0o750)
    path.touch(mode=0o640)
    with closing(Store(f"sqlite:///{path}")) as store:
        store.append([START])
    assert (mode(path.parent), mode(path)) == (0o750, 0o640)


def test_a_folder_that_is_cleaned_is_made_again(store: Store, path: Path) -> None:
    store.append([START])
    shutil.rmtree(path.parent)
    with pytest.raises(HistoryUnavailable, match="no such table"):
        store.append([START])  # the new file has no tables yet
    store.append([END])
    assert store.get("acme", "0193") == BuildState(END)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM builds").fetchone() == (1,)


def test_a_file_that_was_replaced_is_written_from_then_on(store: Store, path: Path) -> None:
    store.append([activity("b1")])
    other = path.with_name("backup.db")
    with closing(Store(f"sqlite:///{other}")) as backup:
        backup.append([activity("b2")])
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    other.replace(path)
    store.append([activity("b3")])
    assert {state.newest.object.build for state in store.newest(limit=9)} == {"b2", "b3"}


def test_a_file_that_may_not_be_written_is_noticed_without_a_write(
    store: Store, path: Path
) -> None:
    store.append([START])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with closing(Store(f"sqlite:///{path}?timeout=0.1")) as impatient:
            assert impatient.get("acme", "0193") == BuildState(START)  # readers go on
            with pytest.raises(HistoryUnavailable, match="locked"):
                impatient.check()
            other.execute("ROLLBACK")
            impatient.check()


def test_to_look_whether_it_takes_writes_writes_nothing(store: Store, path: Path) -> None:
    store.append([START])
    before = path.with_name("history.db-wal").read_bytes()
    store.check()
    assert path.with_name("history.db-wal").read_bytes() == before


@pytest.mark.parametrize(
    ("setting", "says"),
    [("pool_size=many", "pool_size"), ("pool_size=0", "pool_size"), ("pool_size=-1", "pool_size")],
)
def test_a_setting_that_cannot_be_is_refused_at_once(path: Path, setting: str, says: str) -> None:
    with pytest.raises(HistoryUnavailable, match=f"{says} in its URL has to be a whole number"):
        Store(f"sqlite:///{path}?{setting}")


def test_a_history_in_memory_is_refused() -> None:
    with pytest.raises(HistoryUnavailable, match="a history needs a file"):
        Store("sqlite://")

"""What SQLite needs that PostgreSQL does not."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from buildfeed.errors import HistoryUnavailable
from buildfeed.history import sqlite
from buildfeed.history.store import Store
from support.builders import start
from support.packages import ROOT

DATABASES = 60
"""So many that, without waiting, two in one of them get in each other's way: of ten, one does."""


def test_two_that_open_a_new_database_together_both_get_it(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)

    def modes(_number: int) -> list[str]:
        found = []
        for number in range(DATABASES):
            engine = create_engine(f"sqlite:///{tmp_path}/{number}.db")
            sqlite.prepare(engine)
            barrier.wait(timeout=10)
            try:
                with engine.connect() as connection:
                    found.append(str(connection.scalar(text("PRAGMA journal_mode"))))
            finally:
                engine.dispose()
        return found

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(modes, range(2))) == [["wal"] * DATABASES] * 2


def test_what_is_written_is_seen_whoever_has_closed_the_file_before(tmp_path: Path) -> None:
    """A process that ends must not take the log of one that goes on with it."""
    url = f"sqlite:///{tmp_path}/history.db"
    store = Store(url)
    transaction = store._database.transaction
    with transaction() as one, transaction() as other:  # two connections of one process
        assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1"))
    assert counted_elsewhere(url) == 0
    store.append([start()])
    assert counted_elsewhere(url) == 1
    store.close()


def counted_elsewhere(url: str) -> int:
    """Return how many activities another process finds, which closes the database and ends."""
    program = (
        "import sys; from buildfeed.history.store import Store; from support.builders import start;"
        "store = Store(sys.argv[1]); print(store.count_activities(*start().object.key));"
        "store.close()"
    )
    command = [sys.executable, "-c", program, url]
    places = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return int(done.stdout)


def test_a_file_that_was_removed_is_made_again_and_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = Store(f"sqlite:///{folder}/history.db")
    store.append([start()])
    shutil.rmtree(folder)
    with pytest.raises(HistoryUnavailable):
        store.append([start()])  # it finds a file without tables
    store.append([start()])
    store.close()
    again = Store(f"sqlite:///{folder}/history.db")
    assert again.count_activities(*start().object.key) == 1
    again.close()

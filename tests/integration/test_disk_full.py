"""A disk that is full: what is not stored is not acknowledged, and recording goes on by itself."""

import resource
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import structs

from support.databases import Database, SQLite
from support.recorders import Process, Session
from support.recording import Scene

MIB = 1024 * 1024
LOG_FILE = 16 * MIB
"""PostgreSQL makes the files of its write-ahead log as large as that from the first."""


@contextmanager
def full_disk(database: Database, recorder: Process) -> Iterator[None]:
    """Have the kernel refuse to let the files of `database` grow beyond a limit."""
    if isinstance(database, SQLite):
        _, most = resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (MIB, most))
        yield
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (most, most))
    else:
        database.server.limit_files(LOG_FILE)
        yield
        database.server.limit_files(None)


def test_a_full_disk_loses_nothing_and_is_waited_for(
    scene: Scene, session: Session, run_recorder: Callable[[], Process]
) -> None:
    recorder = run_recorder()
    said = scene.life(ticks=300)
    text = [secrets.token_urlsafe(45_000) for _ in said]  # no database makes it smaller
    said = [
        structs.replace(each, content=content) for each, content in zip(said, text, strict=True)
    ]
    with full_disk(scene.database, recorder):
        scene.publish(said)
        scene.until(lambda: recorder.has_logged("recorder.stalled "))
        assert scene.count() < len(said)
    scene.until_recorded(said)
    assert recorder.has_logged("recorder.resumed")
    assert recorder.end(signal.SIGTERM) == 0
    scene.until(lambda: session.waiting() == 0)

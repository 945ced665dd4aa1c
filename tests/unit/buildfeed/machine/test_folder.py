"""Folders, the texts that are kept in them, and their locks between real processes."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from buildfeed.machine.folder import FolderHeld, FolderLock, FolderUnusable, kept, make

HOLD = """
import sys, time
from pathlib import Path
from buildfeed.machine.folder import FolderLock
lock = FolderLock(Path(sys.argv[1]), "A test", "end it")
lock.take()
print("held", flush=True)
time.sleep(60)
"""


def lock(folder: Path) -> FolderLock:
    return FolderLock(folder / "lock", "A test", "end it")


def holder(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD, folder / "lock"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def test_one_at_a_time_and_who_it_is(tmp_path: Path) -> None:
    with holder(tmp_path / "new") as other:
        with pytest.raises(FolderHeld, match=f"A test is at work .* process {other.pid}: end it"):
            lock(tmp_path / "new").take()
        other.kill()


def test_a_killed_holder_holds_nothing_even_before_it_is_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie
        lock(tmp_path).take()


def test_who_inherits_the_lock_of_a_killed_holder_is_waited_for(tmp_path: Path) -> None:
    mine = lock(tmp_path)
    mine.take()
    heir = subprocess.Popen(["sleep", "0.5"], pass_fds=[mine.descriptor])
    (tmp_path / "lock").write_text("999999999")  # a holder that is gone
    mine.release()
    lock(tmp_path).take()
    assert heir.wait(0) == 0


def test_a_lock_whose_folder_was_removed_is_taken_again(tmp_path: Path) -> None:
    mine = lock(tmp_path / "data")
    mine.take()
    (tmp_path / "data" / "lock").unlink()
    (tmp_path / "data").rmdir()
    mine.renew()
    assert (tmp_path / "data" / "lock").read_text() == str(os.getpid())
    (tmp_path / "data" / "lock").unlink()
    with holder(tmp_path / "data") as other:
        with pytest.raises(FolderHeld):
            mine.renew()
        other.kill()


USES = {
    "make": make,
    "kept": lambda folder: kept(folder / "name", "text"),
    "lock": lambda folder: lock(folder).take(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_folder_that_cannot_be_made_is_named(
    use: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (Path("/proc/no"), tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(FolderUnusable, match=f"The folder '{folder}' cannot be used: "):
            use(folder)


def test_a_text_is_made_up_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "password"
    before = os.umask(0)
    try:
        assert kept(path, "first") == kept(path, "second") == "first"
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("")  # a disk that was full
    assert kept(path, "third") == "third"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FolderUnusable, match="password is no text"):
        kept(path, "fourth")

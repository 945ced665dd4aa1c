"""The warden, with real processes that are hard to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from buildfeed.machine import marked

MARK = f"BUILDFEED_TEST={os.getpid()}"

PARENT = """
import os, subprocess, sys, time
from pathlib import Path
from buildfeed.machine.folder import FolderLock
from buildfeed.machine.warden import Warden
lock = FolderLock(Path(sys.argv[1]) / "lock", "A test", "end it")
lock.take()
name, _, value = sys.argv[2].partition("=")
with Warden(sys.argv[2], lock=lock):
    script = "trap '' HUP; setsid sleep 60 & sleep 60 & echo there; wait"
    child = subprocess.Popen(["sh", "-c", script], env=os.environ | {name: value})
    time.sleep(60)
"""


def test_when_its_parent_is_killed_what_that_started_ends(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    command = [sys.executable, "-c", PARENT, tmp_path, MARK]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"there\n"
        eventually(lambda: len(list(marked.processes(MARK))) == 3)
        frozen = next(marked.processes(MARK))
        os.kill(frozen, signal.SIGSTOP)
        parent.kill()
    eventually(lambda: not list(marked.processes(MARK)))


def test_its_own_process_is_not_among_them() -> None:
    mark = f"BUILDFEED_OTHER_TEST={os.getpid()}"  # a warden ends the processes of the other
    name, _, value = mark.partition("=")
    program = (
        "import sys; from buildfeed.machine import marked; print(*marked.processes(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, mark]
    done = subprocess.run(
        command, env=os.environ | {name: value}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def test_a_process_with_many_open_files_kills_another() -> None:
    program = (
        "import os, subprocess; from buildfeed.machine import marked, open_files; "
        "open_files.raise_limit(); held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]; "
        "child = subprocess.Popen(['sleep', '60']); print(marked.kill(child.pid), child.wait())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True -9\n", "")

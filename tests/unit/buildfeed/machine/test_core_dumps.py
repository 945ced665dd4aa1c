import os
import subprocess
import sys
from pathlib import Path

from support.packages import ROOT


def test_a_process_that_crashes_leaves_no_core_dump_and_may_be_looked_at(tmp_path: Path) -> None:
    program = "from buildfeed.machine import core_dumps; core_dumps.forbid(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "SECRET": "bf_secret"},
    ) as process:
        limits = Path(f"/proc/{process.pid}/limits")
        while "Max core file size        1 " not in limits.read_text():
            assert process.poll() is None
        assert b"bf_secret" in Path(f"/proc/{process.pid}/environ").read_bytes()
        os.kill(process.pid, 6)
        _, status = os.waitpid(process.pid, 0)
        assert os.WTERMSIG(status) == 6
        assert not os.WCOREDUMP(status)
        assert not list(tmp_path.iterdir())

"""A gateway process whose event loop hangs."""

import subprocess
import sys

HANGING = """
import asyncio, time
from gateway.operations.loop_lag import LoopLag

async def main():
    watch = asyncio.create_task(LoopLag({hang_seconds}).run())
    await asyncio.sleep(1.5)  # longer than it may hang: it does not
    watch_in_vain_for_an_answer()

def watch_in_vain_for_an_answer():
    time.sleep({blocks})

asyncio.run(main())
"""


def run(hang_seconds: float | None, blocks: float) -> subprocess.CompletedProcess[str]:
    program = HANGING.format(hang_seconds=hang_seconds, blocks=blocks)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_process_that_hangs_says_where_and_ends() -> None:
    ended = run(hang_seconds=1, blocks=3600)
    assert ended.returncode == 1
    assert "watch_in_vain_for_an_answer" in ended.stderr


def test_a_process_that_nobody_replaces_waits() -> None:
    assert run(hang_seconds=None, blocks=1.2).returncode == 0

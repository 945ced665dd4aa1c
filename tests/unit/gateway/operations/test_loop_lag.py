"""A gateway process whose event loop hangs."""

import subprocess
import sys

HANGING = """
import asyncio, time
from gateway.operations.loop_lag import LoopLag

async def main():
    watch = asyncio.create_task(LoopLag({hang_seconds}).run())
    await asyncio.sleep({goes_on})
    watch_in_vain_for_an_answer()

def watch_in_vain_for_an_answer():
    time.sleep({blocks})

asyncio.run(main())
"""


def run(
    hang_seconds: float | None, goes_on: float, blocks: float
) -> subprocess.CompletedProcess[str]:
    program = HANGING.format(hang_seconds=hang_seconds, goes_on=goes_on, blocks=blocks)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_process_that_hangs_says_where_and_ends() -> None:
    # It goes on for longer than it may hang: that alone does not end it.
    ended = run(hang_seconds=1, goes_on=1.1, blocks=3600)
    assert ended.returncode == 1
    assert "watch_in_vain_for_an_answer" in ended.stderr


def test_a_process_that_nobody_replaces_waits() -> None:
    assert run(hang_seconds=None, goes_on=0.3, blocks=0.6).returncode == 0

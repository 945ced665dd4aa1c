"""The signals that end a command, wherever the main thread is when they come."""

import subprocess
import sys

ASKED = """
import os, signal, threading, time
from buildfeed.machine.signals import Asked

def ask():
    while True:
        os.kill(os.getpid(), signal.SIGTERM)

asked = Asked()
assert not asked.wait(0.01)
threading.Thread(target=ask, daemon=True).start()
until = time.monotonic() + 0.5
while time.monotonic() < until:
    assert asked.wait(10)
"""


def test_a_signal_may_come_at_any_moment_of_the_wait_for_it() -> None:
    subprocess.run([sys.executable, "-c", ASKED], check=True, timeout=20)

"""Programs that watch, run by tests."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def lines(*command: object) -> Iterator[list[str]]:
    """Run a program; yield the list of its lines so far, which grows."""
    found: list[str] = []
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout
    reader = threading.Thread(target=lambda: found.extend(process.stdout or ()))
    reader.start()
    try:
        yield found
    finally:
        process.terminate()
        reader.join()
        process.wait()

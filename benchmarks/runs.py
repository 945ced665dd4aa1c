"""Measures what `buildfeed run` adds to a command, and whether the bytes are the same.

Pairs of the bare command and of the same below `buildfeed run`, by a pipe, in turn: wall time, and
CPU time with all child processes. Bytes are compared if the bare command prints the same each time.
The build is shown where `buildfeed run` finds a broker, as ever: BUILDFEED_MQTT_URL, or a
`buildfeed up` of this folder.
usage: python benchmarks/runs.py [--pairs 5] [--before COMMAND] -- COMMAND …
"""

import argparse
import hashlib
import os
import shlex
import statistics
import subprocess
import sys
import time
from typing import Final

import msgspec

_RUN: Final = (sys.executable, "-m", "buildfeed", "run", "--project", "bench", "--")


class Run(msgspec.Struct, frozen=True):
    """Seconds of wall clock, and of CPU with all child processes; and what was printed."""

    wall: float
    cpu: float
    code: int
    digest: str


def run(command: list[str]) -> Run:
    """Run a command to its end; its standard error comes by the same pipe."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    digest = hashlib.sha256()
    assert process.stdout
    while data := os.read(process.stdout.fileno(), 65_536):
        digest.update(data)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    code = process.returncode = os.waitstatus_to_exitcode(status)
    return Run(wall, used.ru_utime + used.ru_stime, code, digest.hexdigest())


def main() -> None:
    """Measure, and print a row for each pair and the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--before", help="a shell command before each run, as `make clean`")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()

    def measured(command: list[str]) -> Run:
        if asked.before:
            subprocess.run(asked.before, shell=True, check=True, stdout=subprocess.DEVNULL)
        return run(command)

    pairs: list[tuple[Run, Run]] = []
    for number in range(asked.pairs):
        commands = [asked.command, [*_RUN, *asked.command]]
        if number % 2:
            bare, shown = reversed([measured(each) for each in reversed(commands)])
        else:
            bare, shown = (measured(each) for each in commands)
        pairs.append((bare, shown))
        print(
            f"{number + 1}: bare {bare.wall:.2f} s (CPU {bare.cpu:.2f}), "
            f"run {shown.wall:.2f} s (CPU {shown.cpu:.2f}), exit {bare.code} and {shown.code}",
            flush=True,
        )
    wall = [shown.wall / bare.wall for bare, shown in pairs]
    added = [shown.wall - bare.wall for bare, shown in pairs]
    cpu = [shown.cpu / bare.cpu for bare, shown in pairs]
    bare_ones = {bare.digest for bare, _ in pairs}
    same = bare_ones == {shown.digest for _, shown in pairs}
    identical = "identical" if same else "different"
    if len(bare_ones) > 1:
        identical = "not to be compared: the command prints something else each time"
    print(
        f"{shlex.join(asked.command)}: wall {statistics.median(wall):.3f} "
        f"({min(wall):.3f} to {max(wall):.3f}), {statistics.median(added):+.2f} s, "
        f"CPU {statistics.median(cpu):.3f}, bytes {identical}"
    )


if __name__ == "__main__":
    main()

"""Measures the gateway with very many watchers, or with some that stop reading.

Publisher, broker and load client are those of fanout.py. At the end each watcher's picture is
compared with the gateway's own.
usage: python benchmarks/crowd.py WATCHERS EVENTS_A_SECOND SECONDS [STALLED]
"""

import json
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fanout import SETTLE_SECONDS, Bench, allow_many_files, build, resident

MIB = 2**20
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def line(label: str, window: dict[str, Any], resident_bytes: int) -> str:
    """Return the figures of a window as text."""
    return (
        f"{label}: {window['events'] / window['seconds']:.0f} deliveries/s, "
        f"{window['cpu'] / window['events'] * 1e6:.2f} CPU µs each, "
        f"{window['cpu'] / window['seconds']:.1%} of a core, "
        f"p50 {window['p50_ms']:.2f} ms, p99 {window['p99_ms']:.2f} ms, "
        f"{resident_bytes / MIB:.1f} MiB"
    )


def picture(port: int) -> list[int]:
    """Return the newest `seq` of the builds b0 to b19, as the gateway knows them."""
    with DIRECT.open(f"http://127.0.0.1:{port}/api/builds?project=bench") as answer:
        known = {each["build"]: each["seq"] for each in json.load(answer)["builds"]}
    return [known.get(f"b{number}", 0) for number in range(20)]


def main(watchers: str, rate: str, seconds: str, stalled: str = "0") -> None:
    """Measure a window in which all watchers read, then one in which `stalled` others do not."""
    allow_many_files()
    build()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack, float(seconds))
        load, pid, port = stack.enter_context(bench.serving("gateway"))
        opened = load.ask(f"open {watchers}")
        print(f"{watchers} accepted in {opened['seconds']:.1f} s, {opened['cpu']:.2f} s CPU")
        bench.publish(float(rate))
        time.sleep(SETTLE_SECONDS)
        print(line("all read", load.ask(f"measure {seconds}"), resident(pid)))
        if count := int(stalled):
            load.ask(f"open {count}")
            load.ask(f"stall {count}")
            print(
                line(f"{count} beside them do not", load.ask(f"measure {seconds}"), resident(pid))
            )
        bench.publish(0)
        time.sleep(SETTLE_SECONDS)
        seen, known = load.ask("pictures"), picture(port)
        right = seen["alike"] if seen["seq"] == known else 0
        print(f"{right} of {watchers} pictures are right, {seen['lost']} watchers lost")
        print(f"the gateway knows {known}, they saw {seen['seq']}")


if __name__ == "__main__":
    main(*sys.argv[1:])

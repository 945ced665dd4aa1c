"""Measures what a delivery costs: the gateway beside stock socket.io servers, on this machine.

Every server is a process of its own, fed by one publisher through one Mosquitto, and watched by
the same load client (load.c). Servers run on one core; broker, publisher and load client on
another. Runs are interleaved: one run of each server, then the next of each.
usage: python benchmarks/fanout.py --help
"""

import argparse
import contextlib
import functools
import json
import os
import platform
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import msgspec

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from performance import Figures, by_hand, chart, page, tables  # noqa: E402

from buildfeed.broker.local import ports  # noqa: E402
from support.brokers import Mosquitto  # noqa: E402
from support.service import Web, until  # noqa: E402

HERE = Path(__file__).parent
BUILT = ROOT / ".buildfeed" / "bench"
FILTER = "builds/bench/#"
DELIVERIES = 50_000  # per second, one activity at a time
BURST = 8
BURST_DELIVERIES = 100_000
QUIET_RATE = 10  # activities a second
BUSY_RATE = 2000
BUSY_WATCHERS = 200  # so many get the busy load too
WARM_UP = 100  # watchers that connect before the measurement of memory and accepts
SETTLE_SECONDS = 1.0
SETTLED_SECONDS = 0.02  # CPU time in SETTLE_SECONDS below which a server has nothing left to do
INGESTED = 60_000  # activities that wait for a frozen server
SHARE = {"python": 0.1}
"""Part of the load that a server gets. With all of it, this one would only fall further behind."""
SERVER_CORE, OTHER_CORE = 0, 1
MERGED = "buildfeed_states_merged_total "
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Start = Callable[[Path, str, int, ExitStack], int]
"""Starts a server in a directory, for the broker at a URL, on a port; returns its process id."""


class Program:
    """A program that answers each line on its standard input with one line."""

    def __init__(self, *command: object) -> None:
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def tell(self, line: str) -> None:
        """Send a line."""
        print(line, file=self._process.stdin, flush=True)

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer."""
        self.tell(line)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise RuntimeError(f"no answer to {line}")
        return dict(json.loads(answer))


def gateway(directory: Path, url: str, port: int, stack: ExitStack) -> int:
    """Start the gateway."""
    limits = {"max_connections": 100_000, "max_per_address": 0}
    web = stack.enter_context(Web("gateway", directory, mqtt_url=url, port=port, **limits))
    return web.until_ready().pid


def program(*command: str) -> Start:
    """Return the Start of a program whose arguments are a port and the URL of the broker."""

    def start(directory: Path, url: str, port: int, stack: ExitStack) -> int:
        with (directory / "log").open("wb") as output:
            process = subprocess.Popen([*command, str(port), url], stdout=output, stderr=output)
        stack.callback(process.wait)
        stack.callback(process.kill)
        until(lambda: _listens(port), f"{command[0]} listens: {directory}/log")
        time.sleep(SETTLE_SECONDS)  # until it has subscribed
        return process.pid

    return start


SERVERS: dict[str, Start] = {
    "gateway": gateway,
    "node": program("node", str(HERE / "peers" / "node.mjs")),
    "python": program(sys.executable, str(HERE / "peers" / "stock.py")),
    "floor": program(str(BUILT / "floor")),
}


class Bench:
    """The broker and the publisher, which all servers share, and the measurements."""

    def __init__(self, directory: Path, stack: ExitStack, seconds: float) -> None:
        self._directory = directory
        self._seconds = seconds
        broker = Mosquitto(directory, "max_queued_messages 0", "set_tcp_nodelay true")
        with on_core(OTHER_CORE):
            broker.start()
            self._publisher = Program(sys.executable, HERE / "publisher.py", broker.url)
        stack.callback(broker.stop)
        stack.enter_context(self._publisher)
        self._url = broker.url

    def run(self, name: str, size: int) -> Figures:
        """Measure a server with `size` watchers."""
        with self.serving(name) as (load, pid, port):
            return self._measure(load, pid, port, name, size)

    @contextlib.contextmanager
    def serving(self, name: str) -> Iterator[tuple[Program, int, int]]:
        """Run a server; yield the load client, the process id of the server and its port."""
        directory = self._directory / secrets.token_hex(4)
        directory.mkdir()
        port = ports.free_block(1, secrets.randbelow(100_000))
        if port is None:
            raise RuntimeError("no port is free")
        with ExitStack() as stack:
            with on_core(SERVER_CORE):
                pid = SERVERS[name](directory, self._url, port, stack)
            with on_core(OTHER_CORE):
                load = stack.enter_context(Program(BUILT / "load", port, pid, FILTER))
            yield load, pid, port
        shutil.rmtree(directory)

    def publish(self, rate: float, burst: int = 1) -> None:
        """Publish `rate` activities a second from now on, in bursts of `burst`."""
        self._publisher.tell(f"{rate} {burst}")

    def _measure(self, load: Program, pid: int, port: int, name: str, size: int) -> Figures:
        merged = functools.partial(states_merged, port) if name == "gateway" else lambda: 0.0
        ingest_seconds = self._ingest(pid)
        load.ask(f"open {min(WARM_UP, size)}")
        before, rest = resident(pid), size - WARM_UP
        opened = load.ask(f"open {rest}") if rest > 0 else None
        grown = resident(pid) - before
        share = SHARE.get(name, 1) / size
        alone = self._window(load, DELIVERIES * share, 1, merged)
        bursts = self._window(load, BURST_DELIVERIES * share, BURST, merged)
        quiet = self._window(load, QUIET_RATE, 1, merged)
        busy = None
        if size == BUSY_WATCHERS and name not in SHARE:
            busy = self._window(load, BUSY_RATE, 1, merged)
        if bursts["lost"] or not (alone["events"] and bursts["events"]):
            raise RuntimeError(f"{name} lost {bursts['lost']} watchers: {alone}, {bursts}")
        return Figures(
            server=name,
            watchers=size,
            distinct_us=alone["cpu"] / alone["due"] * 1e6,
            distinct_rate=alone["due"] / alone["seconds"],
            p50_ms=alone["p50_ms"],
            p99_ms=alone["p99_ms"],
            burst_us=bursts["cpu"] / bursts["due"] * 1e6,
            burst_rate=bursts["due"] / bursts["seconds"],
            burst_p50_ms=bursts["p50_ms"],
            quiet_p50_ms=quiet["p50_ms"],
            quiet_p99_ms=quiet["p99_ms"],
            busy_share=100 * busy["cpu"] / busy["seconds"] if busy else None,
            busy_rate=busy["due"] / busy["seconds"] if busy else None,
            busy_p99_ms=busy["p99_ms"] if busy else None,
            event_bytes=alone["bytes"] / alone["events"],
            idle_kib=grown / rest / 1024 if opened else None,
            accepts=rest / opened["seconds"] if opened else None,
            accept_us=opened["cpu"] / rest * 1e6 if opened else None,
            ingest_us=ingest_seconds / INGESTED * 1e6,
        )

    def _ingest(self, pid: int) -> float:
        """Return the seconds of CPU time that a server without watchers takes for a backlog."""
        os.kill(pid, signal.SIGSTOP)
        self._publisher.ask(f"0 {INGESTED}")
        time.sleep(SETTLE_SECONDS)  # until the broker has all of them
        before = used = cpu_seconds(pid)
        os.kill(pid, signal.SIGCONT)
        while True:
            time.sleep(SETTLE_SECONDS)
            if cpu_seconds(pid) - used < SETTLED_SECONDS:
                return used - before
            used = cpu_seconds(pid)

    def _window(
        self, load: Program, rate: float, burst: int, merged: Callable[[], float]
    ) -> dict[str, Any]:
        """Return the figures of a window; `due` counts events that came, and merged states."""
        self.publish(rate, burst)
        time.sleep(SETTLE_SECONDS)
        try:
            before = merged()
            found = load.ask(f"measure {self._seconds}")
            return found | {"due": found["events"] + merged() - before}
        finally:
            self.publish(0)
            time.sleep(SETTLE_SECONDS)
            while load.ask("measure 0.2")["events"]:
                pass  # the server is still behind


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run processes that are started in this context on `core`, if there are several cores."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & all_cores or all_cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def states_merged(port: int) -> float:
    """Return how many states a gateway has not sent, because newer ones replaced them."""
    with DIRECT.open(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(MERGED))


def resident(pid: int) -> int:
    """Return the memory of a process in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process with all its threads (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def build() -> None:
    """Compile the programs in C."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in ("load", "floor"):
        command = ["cc", "-O2", "-o", str(BUILT / name), str(HERE / f"{name}.c")]
        subprocess.run(command, check=True)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def allow_many_files() -> None:
    """Let this process and those it starts have as many connections as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Measure as the options say, print each run, write the page of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default=",".join(SERVERS), help="default: %(default)s")
    parser.add_argument("--sizes", default="200,1000,5000", help="default: %(default)s")
    parser.add_argument("--runs", default=3, type=int, help="default: %(default)s")
    parser.add_argument("--seconds", default=4.0, type=float, help="of a window")
    parser.add_argument("--output", type=Path, help="where to write the page")
    asked = parser.parse_args()
    allow_many_files()
    build()
    found: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack, asked.seconds)
        for size in map(int, asked.sizes.split(",")):
            for _ in range(asked.runs):
                for name in asked.servers.split(","):
                    found.append(bench.run(name, size))
                    print(msgspec.json.encode(found[-1]).decode(), flush=True)
    print(tables(found))
    if asked.output:
        machine = (
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        figures = {"seconds": asked.seconds, "single": DELIVERIES, "burst": BURST_DELIVERIES}
        written = page(found, machine=machine, **figures)
        asked.output.write_text(written + by_hand(asked.output.read_text()))
        asked.output.with_suffix(".svg").write_text(chart(found))


if __name__ == "__main__":
    main()

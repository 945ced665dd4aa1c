"""Measures what access control costs a delivery: a gateway with it beside one without.

Both run at once on one core, get the same activities of one broker, and have as many watchers, so
whatever slows one slows the other in the same moment. One serves everybody, the other none without
a token; its watchers show one that may read this project only.
usage: python benchmarks/access.py --help
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from fanout import (
    BUILT,
    DIRECT,
    FILTER,
    HERE,
    MERGED,
    OTHER_CORE,
    SERVER_CORE,
    SETTLE_SECONDS,
    Program,
    allow_many_files,
    build,
    on_core,
)

from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from support.brokers import Mosquitto
from support.service import Web

BURST = 8


class Side:
    """A gateway and its load client; without `grants` everybody may do everything."""

    def __init__(self, folder: Path, url: str, stack: ExitStack, grants: str) -> None:
        folder.mkdir()
        self._token = ""
        if grants:
            with closing(Store(f"sqlite:///{folder}/history.db")) as store:
                _, self._token = store.tokens().add("bench", Grants.parse(grants.split()))
        port = ports.free_block(1, secrets.randbelow(100_000))
        limits = {
            "max_connections": 100_000,
            "max_per_address": 0,
            "max_per_principal": 0,
            "frame_ms": 0,
        }
        anonymous = "none" if grants else "all"
        web = Web("gateway", folder, mqtt_url=url, port=port, anonymous=anonymous, **limits)
        with on_core(SERVER_CORE):
            stack.enter_context(web)
            web.until_ready()
        self._url, self._pid = web.url, web.pid
        os.environ.pop("TOKEN", None)
        if grants:
            os.environ["TOKEN"] = self._token
        with on_core(OTHER_CORE):
            self.load = stack.enter_context(Program(BUILT / "load", port, web.pid, FILTER))

    def merged(self) -> float:
        """Return how many states were not sent, because newer ones replaced them."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        asked = urllib.request.Request(f"{self._url}/metrics", headers=headers)
        with DIRECT.open(asked) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(MERGED))

    def measure(self, seconds: float) -> dict[str, Any]:
        """Return the figures of a window; `us` is the CPU time of a delivery."""
        merged, cpu = self.merged(), self._nanoseconds()
        found = self.load.ask(f"measure {seconds}")
        cpu = self._nanoseconds() - cpu
        return found | {"us": cpu / found["events"] / 1000, "merged": self.merged() - merged}

    def _nanoseconds(self) -> int:
        """Return the CPU time of all threads (proc(5): finer than the ticks of `stat`)."""
        tasks = Path(f"/proc/{self._pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in tasks)


class Bench:
    """A broker and its publisher, which all gateways share."""

    def __init__(self, folder: Path, stack: ExitStack, watchers: int, seconds: float) -> None:
        self._folder, self._watchers, self._seconds = folder, watchers, seconds
        broker = Mosquitto(folder, "max_queued_messages 0", "set_tcp_nodelay true")
        with on_core(OTHER_CORE):
            broker.start()
            stack.callback(broker.stop)
            self._publisher = Program(sys.executable, HERE / "publisher.py", broker.url)
        stack.enter_context(self._publisher)
        self._url = broker.url

    def ratios(self, number: int, rate: float, rounds: int, grants: str) -> list[dict[str, Any]]:
        """Return what some rounds of a fresh pair of gateways have given.

        Which of them is started first alternates: two equal processes differ by some percent, as
        their memory and their places in the queues of broker and kernel do.
        """
        names = ["off", "on"] if number % 2 else ["on", "off"]
        with ExitStack() as stack:
            sides = {
                name: Side(
                    self._folder / f"{name}-{number}",
                    self._url,
                    stack,
                    grants if name == "on" else "",
                )
                for name in names
            }
            for name in names:
                sides[name].load.ask(f"open {self._watchers}")
            threads = stack.enter_context(ThreadPoolExecutor(2))
            found = []
            for _ in range(rounds):
                for burst in (1, BURST):
                    self._publisher.tell(f"{rate} {burst}")
                    time.sleep(SETTLE_SECONDS)
                    measured = threads.map(
                        lambda name: sides[name].measure(self._seconds), ("off", "on")
                    )
                    off, on = measured
                    self._publisher.tell("0 1")
                    time.sleep(SETTLE_SECONDS)
                    told = {"pair": number, "burst": burst, "off_us": off["us"], "on_us": on["us"]}
                    found.append(told | {"ratio": on["us"] / off["us"]})
                    print(json.dumps(found[-1]), flush=True)
            return found


def main() -> None:
    """Measure, and print a line of JSON for each round and one with the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", default=300, type=int, help="default: %(default)s")
    parser.add_argument("--rate", default=100, type=float, help="activities a second")
    parser.add_argument("--pairs", default=8, type=int, help="of gateways, one after the other")
    parser.add_argument("--rounds", default=2, type=int, help="of each pair")
    parser.add_argument("--seconds", default=3.0, type=float, help="of a round")
    parser.add_argument("--alike", action="store_true", help="both without: what chance does")
    asked = parser.parse_args()
    allow_many_files()
    build()
    grants = "" if asked.alike else f"viewer@{FILTER.split('/')[1]} operate"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bench = Bench(Path(name), stack, asked.watchers, asked.seconds)
        found = [
            each
            for number in range(asked.pairs)
            for each in bench.ratios(number, asked.rate, asked.rounds, grants)
        ]
    for burst in (1, BURST):
        ratios = sorted(each["ratio"] for each in found if each["burst"] == burst)
        middle = statistics.median(ratios)
        print(json.dumps({"burst": burst, "median": middle, "from": ratios[0], "to": ratios[-1]}))


if __name__ == "__main__":
    main()

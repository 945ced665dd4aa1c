"""Measures what access control costs a delivery: a gateway with it beside one without.

Both run at once on one core, get the same activities of one broker, and have as many watchers, so
whatever slows one slows the other in the same moment. One serves everybody, the other none without
a token; its watchers show one that may read this project only.
usage: python benchmarks/access.py --help
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
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
        port = ports.free_block(1, os.getpid() + len(grants))
        limits = {"max_connections": 100_000, "max_per_address": 0}
        anonymous = "none" if grants else "all"
        web = Web("gateway", folder, mqtt_url=url, port=port, anonymous=anonymous, **limits)
        with on_core(SERVER_CORE):
            stack.enter_context(web)
            web.until_ready()
        self._url = web.url
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
        before = self.merged()
        found = self.load.ask(f"measure {seconds}")
        due = found["events"] + self.merged() - before
        return found | {"us": found["cpu"] / due * 1e6}


def main() -> None:
    """Measure, and print a line of JSON for each round and one with the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", default=500, type=int, help="default: %(default)s")
    parser.add_argument("--rate", default=30, type=float, help="activities a second")
    parser.add_argument("--rounds", default=12, type=int, help="default: %(default)s")
    parser.add_argument("--seconds", default=5.0, type=float, help="of a round")
    asked = parser.parse_args()
    allow_many_files()
    build()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        broker = Mosquitto(folder, "max_queued_messages 0", "set_tcp_nodelay true")
        with on_core(OTHER_CORE):
            broker.start()
            stack.callback(broker.stop)
            publisher = Program(sys.executable, HERE / "publisher.py", broker.url)
            stack.enter_context(publisher)
        off = Side(folder / "off", broker.url, stack, "")
        on = Side(folder / "on", broker.url, stack, f"viewer@{FILTER.split('/')[1]} operate")
        for side in (off, on):
            side.load.ask(f"open {asked.watchers}")
        threads = stack.enter_context(ThreadPoolExecutor(2))
        ratios: dict[int, list[float]] = {}
        for number in range(asked.rounds):
            burst = (1, BURST)[number % 2]
            publisher.tell(f"{asked.rate} {burst}")
            first, second = (off, on) if number % 4 < 2 else (on, off)
            found = dict(
                zip(
                    (first, second),
                    threads.map(lambda side: side.measure(asked.seconds), (first, second)),
                    strict=True,
                )
            )
            publisher.tell("0 1")
            ratio = found[on]["us"] / found[off]["us"]
            if number > 1:  # the first of each kind warm up
                ratios.setdefault(burst, []).append(ratio)
            told = {"burst": burst, "off_us": found[off]["us"], "on_us": found[on]["us"]}
            print(json.dumps(told | {"ratio": ratio}), flush=True)
    medians = {f"burst {burst}": statistics.median(each) for burst, each in ratios.items()}
    print(json.dumps({"ratio": medians}))


if __name__ == "__main__":
    main()

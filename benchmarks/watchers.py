"""Measures how soon many watchers have the right picture after a gateway process ends.

Gateway processes, recorder and worker run on a private RabbitMQ; this process has all watchers, by
WebSocket. One gateway process is killed, then one is stopped. A watcher's picture is wrong while
the watcher is not connected, or while any other had a newer one already 0.5 s (GRACE) before.
usage: python benchmarks/watchers.py [WATCHERS] [PROCESSES]
"""

import asyncio
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from buildfeed.broker.local import ports  # noqa: E402
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ  # noqa: E402
from support.service import HTTP, Service, Web  # noqa: E402

BUILDS = 4
SCRIPT_SECONDS = 60
SCRIPT = {"seconds": SCRIPT_SECONDS, "steps": 30, "errors": [50]}  # 1000 watchers: 2000 events/s
GRACE = 0.5
SAMPLE = 0.05
AWAY = 2.0  # longest delay of a reconnect, in seconds; the first is at most 1 s, as in the page

Rank = tuple[bool, int, int]


class Everyone:
    """The newest states that any watcher has seen, and when: the picture that all should have."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[float, Rank]]] = {}

    def learn(self, build: str, rank: Rank) -> None:
        """Take note of a newer state."""
        history = self.seen.setdefault(build, [])
        if not history or rank > history[-1][1]:
            history.append((time.monotonic(), rank))

    def at(self, moment: float) -> dict[str, Rank]:
        """Return the newest state of each build at `moment`."""
        known = {}
        for build, history in self.seen.items():
            before = [rank for at, rank in history[-10:] if at <= moment]
            if before:
                known[build] = before[-1]
        return known


class Watcher:
    """A minimal socket.io client: official ones would cost more CPU than the gateway."""

    def __init__(self, url: str, everyone: Everyone) -> None:
        self._url = url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self._everyone = everyone
        self.pid: int | None = None
        self.picture: dict[str, Rank] = {}
        self.whole = False
        self.connects: list[float] = []

    async def run(self) -> None:
        """Watch, and connect again whenever the connection ends."""
        tries = 0
        while True:
            with suppress(WebSocketException, OSError, TimeoutError):
                async with connect(
                    self._url, compression=None, ping_interval=None, open_timeout=20, proxy=None
                ) as link:
                    self.connects.append(time.monotonic())
                    tries = 0
                    await self._listen(link)
            self.whole, self.pid = False, None
            await asyncio.sleep(random.uniform(0, min(AWAY, 2**tries)))
            tries += 1

    async def _listen(self, link: ClientConnection) -> None:
        await link.send("40")
        async for message in link:
            text = str(message)
            if text == "2":
                await link.send("3")
            elif text.startswith("40"):
                await link.send('420["watch","builds/crowd/#"]')
            elif text.startswith("430"):
                for state in msgspec.json.decode(text[3:])[0]["builds"]:
                    self._fold(state)
                self.whole = True
            elif text.startswith("42"):
                name, body = msgspec.json.decode(text[2:])
                if name == "build":
                    self._fold(body)
                else:
                    self.pid = body["pid"]

    def _fold(self, state: dict[str, Any]) -> None:
        build, rank = state["build"], (bool(state["ended"]), state["attempt"], state["seq"])
        if rank > self.picture.get(build, (False, 0, -1)):
            self.picture[build] = rank
            self._everyone.learn(build, rank)

    def wrong(self, known: dict[str, Rank]) -> bool:
        """Whether it is not connected, or its picture is older than `known`."""
        nothing = (False, 0, -1)
        return not self.whole or any(
            self.picture.get(build, nothing) < rank for build, rank in known.items()
        )


class Crowd:
    """All watchers and their pictures."""

    def __init__(self, url: str, size: int) -> None:
        self._everyone = Everyone()
        self.watchers = [Watcher(url, self._everyone) for _ in range(size)]
        self._tasks = [asyncio.create_task(watcher.run()) for watcher in self.watchers]

    def spread(self) -> Counter[int | None]:
        """Return how many watchers each process has."""
        return Counter(watcher.pid for watcher in self.watchers)

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `condition` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"spread: {self.spread()}")
            await asyncio.sleep(SAMPLE)

    async def hit(self, number: signal.Signals, seconds: float) -> None:
        """Send a signal to the process with the most watchers; print when they were right again."""
        ((victim, _),) = self.spread().most_common(1)
        if victim is None:
            raise RuntimeError("Nobody is connected.")
        struck = [watcher for watcher in self.watchers if watcher.pid == victim]
        at = time.monotonic()
        os.kill(victim, number)
        right: dict[Watcher, float] = {}
        while time.monotonic() < at + seconds and len(right) < len(struck):
            await asyncio.sleep(SAMPLE)
            known, now = self._everyone.at(time.monotonic() - GRACE), time.monotonic()
            for watcher in struck:
                if watcher.connects[-1] > at and watcher not in right and not watcher.wrong(known):
                    right[watcher] = now - at
        taken = sorted(right.values()) or [float("nan")]
        busiest = max(Counter(int(10 * (w.connects[-1] - at)) for w in struck).values())
        print(
            f"{number.name}: {len(struck)} watchers lost their process; {len(right)} have the right"
            f" picture after p50 {taken[len(taken) // 2]:.2f} s, max {taken[-1]:.2f} s; at most"
            f" {busiest} connected in 0.1 s"
        )

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def measure(web: Web, size: int) -> None:
    """Watch builds with `size` watchers while processes come and go."""
    started = time.monotonic()
    crowd = Crowd(web.url, size)
    await crowd.until(lambda: all(watcher.whole and watcher.pid for watcher in crowd.watchers))
    print(f"{size} watchers within {time.monotonic() - started:.1f} s: {spread(crowd)}")
    for _ in range(BUILDS):
        await asyncio.to_thread(web.press_start, "crowd", script=SCRIPT)
    await asyncio.sleep(5)
    for number in (signal.SIGKILL, signal.SIGTERM):
        await crowd.hit(number, seconds=15)
        await asyncio.sleep(5)
        print(f"then: {spread(crowd)}")
    await asyncio.sleep(SCRIPT_SECONDS)
    answer = await asyncio.to_thread(HTTP.get, f"{web.url}/api/builds?project=crowd")
    truth = {b["build"]: (True, b["attempt"], b["seq"]) for b in answer.json()["builds"]}
    same = sum(watcher.picture == truth for watcher in crowd.watchers)
    print(f"{same} of {size} have the final picture of {len(truth)} builds")
    await crowd.close()


def wait_for_all(web: Web, processes: int) -> None:
    """Wait until every process is ready."""
    ready = re.compile(r'^buildfeed_ready{process="\d+"} 1', re.MULTILINE)
    while len(ready.findall(HTTP.get(f"{web.url}/metrics").text)) < processes:
        time.sleep(SAMPLE)
    time.sleep(1)  # until every process listens


def spread(crowd: Crowd) -> str:
    """Return the watchers of each process, as text."""
    counts = sorted(crowd.spread().values())
    return f"{counts} (min {counts[0]}, max {counts[-1]})"


def main(watchers: str = "1000", processes: str = "4") -> None:
    """Start everything and measure."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        broker = PrivateRabbitMQ(Path(folder) / "rabbitmq")
        stack.callback(broker.stop)
        broker.start()
        urls = {"mqtt_url": broker.mqtt_url, "amqp_url": broker.amqp_url}
        here = Path(folder)
        stack.enter_context(Service("recorder", here, mqtt_url=broker.mqtt_url))
        port = ports.free_block(1, os.getpid())
        options = {
            "port": port,
            "workers": processes,
            "log_level": "warning",
            "max_per_address": 0,
            **urls,
        }
        web = stack.enter_context(Web("gateway", here, **options)).until_ready()
        stack.enter_context(Service("fakebuild", here, concurrency=BUILDS, **urls))
        wait_for_all(web, int(processes))
        asyncio.run(measure(web, int(watchers)))
        print(f"stopped with all gone in {web.stop():.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A watcher that behaves, beside others that do not: what it sees, and how soon."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any, NamedTuple, Self

import websocket

from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.loud import speaking
from support.service import Web

PAUSE = 0.01
BUILDS = 8


class Honest:
    """Watches the builds of the project `loud` by a WebSocket, which never breaks off."""

    def __init__(self, gateway: Web) -> None:
        self.heard: dict[tuple[str, int], float] = {}
        """When each state came, by build and `seq`."""
        self.ended = False
        address = gateway.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self._raw = websocket.create_connection(address, timeout=60)
        self._raw.send('40{"watch":"builds/loud/#"}')
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while text := self._raw.recv():
                now = time.monotonic()
                if text == "2":
                    self._raw.send("3")
                elif str(text).startswith('42["build"'):
                    body: dict[str, Any] = json.loads(text[2:])[1]
                    self.heard.setdefault((body["build"], body["seq"]), now)
        except (OSError, websocket.WebSocketException):
            pass
        self.ended = True

    def close(self) -> None:
        self._raw.shutdown()
        self._thread.join()


class Speech:
    """What a worker has said, and when."""

    def __init__(self, speak: Callable[[str, int, str], None]) -> None:
        self.said: dict[tuple[str, int], float] = {}
        self._speak = speak
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        seq = 0
        while not self._over.wait(PAUSE):
            build, seq = f"b{seq % BUILDS}", seq + 1
            self.said[build, seq] = time.monotonic()
            self._speak(build, seq, "running")

    def end(self) -> dict[str, int]:
        """Say no more; return the last `seq` of each build."""
        self._over.set()
        self._thread.join()
        return {build: seq for build, seq in self.said}  # noqa: C416 - the last of each wins


@contextmanager
def speech(rabbitmq: PrivateRabbitMQ) -> Iterator[Speech]:
    """Speak as a worker, with a state of 1 KiB each PAUSE."""
    with speaking(rabbitmq) as speak:
        some = Speech(speak)
        yield some
        some.end()


class Delays(NamedTuple):
    """Seconds from what a worker said to what a watcher heard: median, 99 %, most; of how many."""

    p50: float
    p99: float
    most: float
    heard: int

    @classmethod
    def of(cls, honest: Honest, speech: Speech) -> Self:
        said, heard = speech.said, honest.heard
        late = [heard[each] - said[each] for each in said.keys() & heard.keys()]
        cuts = quantiles(late, n=100)
        return cls(cuts[49], cuts[98], max(late), len(late))

    def __str__(self) -> str:
        p50, p99, most = (1000 * each for each in self[:3])
        return f"{self.heard} heard, p50 {p50:.1f} ms, p99 {p99:.0f} ms, at most {most:.0f} ms"

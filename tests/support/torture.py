"""Faults, sometimes two at once, and the time until every viewer is right again."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import httpx

from buildfeed.activity import ENDINGS, Key
from support.fleet import Fleet
from support.proxy import Proxy
from support.service import HTTP
from support.viewers import SocketViewer, Viewer

HEALED_SECONDS: Final = 90.0
TWICE: Final = 0.2
"""Probability that a second fault comes before the first has healed."""


class Torture:
    """Strikes `fleet` while `viewers` look on. `healed`: seconds until all were right, by fault."""

    def __init__(
        self, fleet: Fleet, viewers: list[Viewer], networks: dict[str, list[Proxy]], seed: int
    ) -> None:
        self.healed: dict[str, list[float]] = {}
        self.never_healed: list[str] = []
        self._fleet = fleet
        self._viewers = viewers
        self._networks = networks
        self._random = random.Random(seed)
        self._faults: dict[str, Callable[[], None]] = {
            "gateway process killed": self._kill_gateway_process,
            "worker killed": lambda: fleet.kill_worker(self._random.choice(fleet.workers)),
            "recorder killed": self._kill_recorder,
            **{f"network of {name} cut": self._cutter(name) for name in networks},
            **{f"network of {name} silent": self._silencer(name) for name in networks},
        }

    def strike_broker_too(self) -> None:
        """Kill and restart the broker as well."""
        self._faults["broker killed"] = lambda: self._fleet.restart_broker(crash=True)
        self._faults["broker restarted"] = lambda: self._fleet.restart_broker(crash=False)

    def strike(self, count: int) -> None:
        """Strike `count` times, each kind of fault about as often."""
        kinds = list(self._faults) * (count // len(self._faults) + 1)
        plan = kinds[:count]
        self._random.shuffle(plan)
        while plan:
            time.sleep(self._random.uniform(0, 2))  # a random moment is the point
            kind = plan.pop()
            began = time.monotonic()
            self._faults[kind]()
            if plan and self._random.random() < TWICE:
                self._faults[plan.pop()]()
                kind = "two at once"
            self._note(kind, began)

    def _note(self, kind: str, began: float) -> None:
        """Start a build, and note when every viewer has seen it end."""
        key = self._start_until_taken()
        if key and self._all_saw_it_end(key, began + HEALED_SECONDS):
            self.healed.setdefault(kind, []).append(time.monotonic() - began)
        else:
            blind = [each.way for each in self._viewers if not _saw_end(each, key)]
            self.never_healed.append(f"{kind}: {key} not seen by {blind}")

    def _start_until_taken(self) -> Key | None:
        until = time.monotonic() + HEALED_SECONDS
        url = f"{self._fleet.gateway.url}/api/projects/p{self._random.randrange(2)}/builds"
        script = {"script": {"seconds": 0.1, "steps": 1, "errors": []}}
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                answer = HTTP.post(url, json=script, timeout=10)
                if answer.is_success:
                    return answer.json()["project"], answer.json()["build"]
            time.sleep(0.05)
        return None

    def _all_saw_it_end(self, key: Key, until: float) -> bool:
        while time.monotonic() < until:
            if all(_saw_end(viewer, key) for viewer in self._viewers):
                return True
            time.sleep(0.01)
        return False

    def _kill_gateway_process(self) -> None:
        serving = {each.pid for each in self._viewers if isinstance(each, SocketViewer)} - {0}
        with suppress(ProcessLookupError):  # it died a moment ago
            os.kill(self._random.choice(sorted(serving)), signal.SIGKILL)

    def _kill_recorder(self) -> None:
        self._fleet.recorder.kill()
        self._fleet.recorder.start()

    def _cutter(self, name: str) -> Callable[[], None]:
        return lambda: self._disturb(name, Proxy.cut, self._random.uniform(0.1, 3))

    def _silencer(self, name: str) -> Callable[[], None]:
        return lambda: self._disturb(name, Proxy.silence, self._random.uniform(0.5, 6))

    def _disturb(self, name: str, how: Callable[[Proxy], None], seconds: float) -> None:
        for proxy in self._networks[name]:
            how(proxy)
        time.sleep(seconds)
        for proxy in self._networks[name]:
            proxy.mend()


def _saw_end(viewer: Viewer, key: Key | None) -> bool:
    if key is None or not viewer.concerns(key):
        return True
    return viewer.picture.get(key, ("", 0, 0))[0] in ENDINGS


@contextmanager
def watching(viewers: list[Viewer]) -> Iterator[None]:
    """Start the viewers, and stop them at the end."""
    with ExitStack() as stack:
        for viewer in viewers:
            stack.callback(viewer.start().stop)
        yield

"""People who start builds at a steady rate, and stop some of them."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from buildfeed.activity import Key
from support.service import Web

PROJECT = "load"


class Load:
    """Starts builds until `count` of them have got a 202. Seeded.

    `started`: the builds that got a 202. `stops`: when a stop got its 202. `refused`: how often
    each other answer came. `waits`: seconds until a `Prefer: wait` was answered.
    """

    def __init__(
        self,
        gateway: Web,
        seed: int,
        *,
        count: int,
        rate: float,
        wait: int = 0,
        projects: Sequence[str] = (PROJECT,),
    ) -> None:
        self.started: set[Key] = set()
        self.stops: dict[Key, datetime] = {}
        self.refused: Counter[str] = Counter()
        self.waits: list[float] = []
        self._count = count
        self._rate = rate
        self._projects = projects
        self._prefer = {"Prefer": f"wait={wait}"} if wait else {}
        self._random = random.Random(seed)
        self._client = httpx.Client(base_url=gateway.url, timeout=wait + 15)
        self._pool = ThreadPoolExecutor(64)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._press, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._pool.shutdown()
        self._client.close()

    def until_all_started(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"{len(self.started)} starts, refused: {self.refused}"
        self._pool.shutdown()

    def _press(self) -> None:
        due = time.monotonic()
        pressed: set[Future[None]] = set()
        while len(self.started) < self._count:
            due = max(due + 1 / self._rate, time.monotonic())
            if self._over.wait(due - time.monotonic()):
                return
            pressed = {each for each in pressed if not each.done()}
            if len(self.started) + len(pressed) >= self._count:
                continue  # the pending starts may be enough
            stop_after = self._random.uniform(0, 3) if self._random.random() < 0.2 else None
            body = {"script": self._script(), "by": "ada"}
            pressed.add(self._pool.submit(self._start, body, stop_after))

    def _script(self) -> dict[str, Any]:
        if self._prefer:
            return {"seconds": 0.5, "steps": 5, "errors": []}
        errors = [50] if self._random.random() < 0.3 else []
        return {"seconds": round(self._random.uniform(0.5, 4), 1), "steps": 10, "errors": errors}

    def _start(self, body: dict[str, Any], stop_after: float | None) -> None:
        began = time.monotonic()
        project = random.choice(self._projects)
        answer = self._post(f"/api/projects/{project}/builds", body)
        if not answer:
            return
        build = str(answer.json()["build"])
        if self._prefer:
            self.waits.append(time.monotonic() - began)
        self.started.add((project, build))
        if stop_after is not None and not self._prefer:
            self._over.wait(stop_after)
            path = f"/api/projects/{project}/builds/{build}/stop"
            if self._post(path, {"by": "bob"}):
                self.stops[project, build] = datetime.now(UTC)

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response | None:
        """Return the answer if it is a success."""
        try:
            answer = self._client.post(path, json=body, headers=self._prefer)
        except httpx.TransportError as exc:
            self.refused[type(exc).__name__] += 1
            return None
        if answer.is_success:
            return answer
        self.refused[str(answer.status_code)] += 1
        assert answer.status_code in (409, 503), answer.text
        return None

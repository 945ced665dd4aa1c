"""Builds for the page to show, told of at a steady rate as workers would."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from msgspec import UNSET, structs
from publisher import Publisher

from buildfeed.activity import Activity, Build, Source, Type, urn, worker_actor
from buildfeed.presence import REPEAT_SECONDS, Presence, RunningBuild, encode

PROJECTS = "acme", "billing", "docs", "mobile", "search"
PEOPLE = "ada", "bob", "grace", "linus"
TITLES = "make -j8", "npm test", "cargo build --release", "pytest -n 4", "cmake --build out"
PHASES = "Compiling", "Linking", "Testing", "Packing"
STEPS = 140
ERROR_EVERY = 9
"""One build of so many has an error, at half of its way."""
ERROR = "src/net/socket.c:214:9: error: incompatible types when assigning to type 'int'"
BUILDS_OF_A_WORKER = 250
BEGINS_BELOW = 40
"""Builds begin this far at most, in percent, so that none ends while a figure is taken."""
PAUSE = timedelta(minutes=3)
"""Time between the endings of builds that have ended before."""
WAKE_SECONDS = 0.002


class Load:
    """`running` builds that go on at once, and publish `rate` states a second each.

    A build that reaches the end is followed by the next. `ended` others have ended before.
    """

    def __init__(self, url: str, *, running: int, rate: float, ended: int = 0) -> None:
        self._publisher = Publisher(url)
        self._numbers = iter(range(10**9))
        self._ended = ended
        self._builds: list[Build] = []
        self._size = running
        self._workers = -(-running // BUILDS_OF_A_WORKER)
        self._rate = rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        for number in range(0, self._ended, 50):
            ended = range(number, min(number + 50, self._ended))
            self._publisher.say(said for each in ended for said in self._whole_build(each))
        for number in range(self._size):
            self._builds.append(begun(next(self._numbers), BEGINS_BELOW * number // self._size))
        self._publisher.say(self._said(build, "Accept") for build in self._builds)
        self._be_present()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def newest(self) -> Build:
        """A build that runs."""
        return self._builds[-1]

    def _run(self) -> None:
        due = present = time.monotonic()
        pause = 1 / (self._rate * self._size) if self._rate and self._size else None
        turns = self._turns()
        while not self._over.wait(WAKE_SECONDS if pause else 1.0):
            now = time.monotonic()
            if now - present >= REPEAT_SECONDS:
                self._be_present()
                present = now
            if pause and now >= due:
                count = int((now - due) / pause) + 1
                due += count * pause
                self._publisher.say(next(turns) for _ in range(count))

    def _turns(self) -> Iterator[Activity]:
        """Each build in turn says its next state."""
        while True:
            for place, build in enumerate(self._builds):
                after = _next(build)
                if not after.ended:
                    self._builds[place] = after
                    yield self._said(after, "Flag" if after.errors > build.errors else "Update")
                    continue
                yield self._said(after, "Update")
                self._builds[place] = after = begun(next(self._numbers), 0)
                yield self._said(after, "Accept")

    def _whole_build(self, number: int) -> Iterator[Activity]:
        """Return what was said of a build that has ended."""
        took = timedelta(seconds=40 + number * 7 % 160)
        began = datetime.now(UTC) - PAUSE * (self._ended - number) - took
        build = begun(next(self._numbers), 0, began)
        yield self._said(build, "Accept")
        facts: dict[str, Any] = {"status": "succeeded", "exit_code": 0}
        if _fails(build):
            facts = {"status": "failed", "exit_code": 2, "errors": 1, "error": ERROR}
        facts |= {"seq": 1, "progress": 100, "done": STEPS, "end_time": began + took}
        yield self._said(structs.replace(build, **facts), "Update")

    def _be_present(self) -> None:
        for worker in range(self._workers):
            builds = [each for each in self._builds if _number(each) % self._workers == worker]
            running = tuple(RunningBuild(each.project, each.build, 1) for each in builds)
            presence = Presence(f"load-{worker + 1}", "online", running, slots=BUILDS_OF_A_WORKER)
            self._publisher.retain(presence.topic, encode(presence))

    def _said(self, build: Build, type_: Type) -> Activity:
        is_error = type_ == "Flag"
        return Activity.about(
            build,
            type_,
            worker_actor(f"load-{_number(build) % max(1, self._workers) + 1}"),
            datetime.now(UTC),
            content=ERROR if is_error else UNSET,
            source=Source(file="src/net/socket.c", line=214, column=9) if is_error else UNSET,
        )


def begun(number: int, percent: int, began: datetime | None = None) -> Build:
    """Return a build as it begins."""
    now = began or datetime.now(UTC)
    project = PROJECTS[number % len(PROJECTS)]
    name = f"{int(now.timestamp() * 1000):012x}7000{number:016x}"
    return Build(
        id=urn(project, name),
        project=project,
        build=name,
        status="running",
        progress=percent,
        errors=0,
        attempt=1,
        seq=0,
        by=PEOPLE[number % len(PEOPLE)],
        job="default",
        title=TITLES[number % len(TITLES)],
        phase=PHASES[0],
        done=STEPS * percent // 100,
        total=STEPS,
        queued_time=now - timedelta(seconds=percent + 2),
        start_time=now - timedelta(seconds=percent),
    )


def _next(build: Build) -> Build:
    """Return the state that follows."""
    progress, seq = build.progress + 1, build.seq + 1
    if progress == 100:
        ending = "failed" if build.errors else "succeeded"
        facts: dict[str, Any] = {"status": ending, "exit_code": int(build.errors > 0)}
        facts |= {"seq": seq, "progress": 100, "done": STEPS, "end_time": datetime.now(UTC)}
        return structs.replace(build, **facts)
    failing = {"errors": 1, "error": ERROR} if progress == 50 and _fails(build) else {}
    done = STEPS * progress // 100
    phase = f"{PHASES[progress * len(PHASES) // 100]} module {done}"
    return structs.replace(build, seq=seq, progress=progress, done=done, phase=phase, **failing)


def _number(build: Build) -> int:
    return int(build.build[-16:], 16)


def _fails(build: Build) -> bool:
    return _number(build) % ERROR_EVERY == 0

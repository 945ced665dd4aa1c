"""Builds in every state that a page can show, at a gateway whose workers are made up.

`Stage` serves them; `BUILDS` names them. Nothing moves by itself, so that a picture of a page, or
what a test finds on it, is the same each time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from msgspec import UNSET, structs

from buildfeed import command
from buildfeed.activity import Activity, Build, Source, Type, worker_actor
from buildfeed.presence import OfferedJob, Presence
from support.brokers import Mosquitto, free_port
from support.own_builds import Own
from support.service import HTTP, Service, Web, until

PROJECT = "acme"
BUILDS = (
    *("running", "red", "unmeasured", "queued", "delayed", "stopping", "lost"),
    *("succeeded", "failed", "stopped"),
)
JOBS = tuple(OfferedJob(PROJECT, job, ("stage",)) for job in ("default", "nightly"))
WORKER, GONE = "builder-1", "builder-2"

OUTPUT = (
    "$ make -j8\n"
    "\x1b[1mcc\x1b[0m -c src/main.c\n"
    "\x1b[1mcc\x1b[0m -c src/net/socket.c\n"
    "src/net/socket.c:214:9: \x1b[1;31merror:\x1b[0m incompatible types when assigning\n"
    "src/net/socket.c:260:3: \x1b[35mwarning:\x1b[0m unused variable 'n'\n"
)
ERRORS = (
    ("src/net/socket.c:214:9: error: incompatible types when assigning to type 'int'", 214),
    ("src/net/socket.c:231:9: error: implicit declaration of function 'reconnect'", 231),
    ("src/net/socket.c:231:9: error: implicit declaration of function 'reconnect'", 231),
)


class Stage:
    """A gateway and a recorder on a broker of their own."""

    def __init__(self, directory: Path) -> None:
        self._broker = Mosquitto(directory, "max_queued_messages 0", "set_tcp_nodelay true")
        self.mqtt_url = self._broker.url
        self._services = ExitStack()
        self.web = Web(
            "gateway", directory, mqtt_url=self.mqtt_url, port=free_port(), max_per_address=0
        )
        self._recorder = Service("recorder", directory, mqtt_url=self.mqtt_url)

    def __enter__(self) -> Self:
        self._broker.start()
        self._services.callback(self._broker.stop)
        self._services.enter_context(self._recorder)
        self._services.enter_context(self.web)
        self.web.until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._services.close()

    @property
    def url(self) -> str:
        return self.web.url

    def path(self, build: str, project: str = PROJECT) -> str:
        return f"/projects/{project}/builds/{build}"

    @contextmanager
    def speaking(self) -> Iterator[Own]:
        """Yield somebody who may publish."""
        with Own(self.mqtt_url) as own:
            yield own

    def show(self, *builds: str, project: str = PROJECT, workers: bool = True) -> None:
        """Publish these builds, and wait until the history has them."""
        with self.speaking() as own:
            if workers:
                own.say(present())
            for build in builds:
                for activity in told(build, project):
                    own.send(activity)
            if "lost" in builds:
                own.say(Presence(GONE, "offline"))
        for build in builds:
            path = f"{self.url}/api/projects/{project}/builds/{build}"
            until(lambda path=path: "build" in HTTP.get(path).json(), f"{build} is shown")

    def break_broker(self) -> None:
        self._broker.stop()


def present() -> Presence:
    """Return the presence of the worker that is there."""
    return Presence(WORKER, "online", slots=4, jobs=JOBS, lag_ms=2, instance="1")


def told(build: str, project: str = PROJECT) -> list[Activity]:
    """Return all that is told of one of the builds."""
    now = datetime.now(UTC)
    offer = command.start(
        project,
        build,
        now - timedelta(seconds=50),
        by="ada",
        job="default",
        parameters={"stage": "test"},
        priority="high" if build == "queued" else "normal",
        delay=1800 if build == "delayed" else 0,
    )
    if build in ("queued", "delayed"):
        return [offer]
    began = now - timedelta(seconds=47)
    return [offer, *_Telling(offer.object, began, GONE if build == "lost" else WORKER).of(build)]


class _Telling:
    """What a worker tells of a build."""

    def __init__(self, offered: Build, began: datetime, worker: str) -> None:
        running = {"status": "running", "attempt": 1, "start_time": began, "title": "make -j8"}
        self._build = structs.replace(offered, url="https://ci.example/acme/7", **running)
        self._actor = worker_actor(worker)
        self._printed = 0

    def of(self, build: str) -> Iterator[Activity]:
        yield self._said("Accept")
        yield self._output(OUTPUT)
        yield self._said(phase="Compiling src/net", progress=40, done=56, total=140)
        if build == "unmeasured":
            yield self._said(
                phase="Installing", progress=0, indeterminate=True, done=UNSET, total=UNSET
            )
        if build in ("red", "failed"):
            for number, (text, line) in enumerate(ERRORS, 1):
                source = Source(file="src/net/socket.c", line=line, column=9)
                yield self._said("Flag", text, source, errors=number, error=text, progress=60)
        if build == "stopping":
            yield command.stop(self._build, datetime.now(UTC), by="grace", uuid="0" * 32)
        ended = {"phase": UNSET, "end_time": datetime.now(UTC)}
        if build == "succeeded":
            yield self._said(status="succeeded", progress=100, done=140, exit_code=0, **ended)
        if build == "failed":
            yield self._said(status="failed", exit_code=2, **ended)
        if build == "stopped":
            yield self._said(status="stopped", exit_code=-15, **ended)

    def _said(
        self, type_: Type = "Update", text: str = "", source: Source | None = None, **facts: Any
    ) -> Activity:
        seq = self._build.seq + (type_ != "Accept")
        self._build = structs.replace(self._build, seq=seq, **facts)
        return Activity.about(
            self._build,
            type_,
            self._actor,
            datetime.now(UTC),
            content=text or UNSET,
            source=source or UNSET,
        )

    def _output(self, text: str) -> Activity:
        said = structs.replace(self._said("Add", text), offset=self._printed)
        self._printed += len(text.encode())
        return said

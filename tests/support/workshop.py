"""Workers under test, and a watcher that sees everything that they publish."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

from msgspec.structs import replace

from buildfeed import command, presence
from buildfeed.activity import Activity, Priority, Script, Type, decode, encode, worker_actor
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import InvalidActivity, InvalidTopic
from buildfeed.presence import Presence
from buildfeed.topics import worker_status
from buildfeed.worker.limits import Limits
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.embedded import EmbeddedQueue
from buildfeed.worker.runner import Runner
from buildfeed.worker.settings import Settings
from buildfeed.worker.worker import Worker
from fakebuild.runner import FakeRunner

QUICK = Script(seconds=0.2, steps=4, errors=())
LONG = Script(seconds=60, steps=600, errors=())


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        await asyncio.sleep(0.005)


def start(
    build: str | None = None,
    script: Script = QUICK,
    priority: Priority = "normal",
    delay: float = 0,
) -> Activity:
    """Return the start of a new build."""
    build = build or secrets.token_hex(8)
    now = datetime.now(UTC)
    wish = {"by": "ada", "script": script, "priority": priority, "delay": delay}
    return command.start("acme", build, now, **wish)


def start_job(job: str, **parameters: str) -> Activity:
    """Return the start of a job."""
    now = datetime.now(UTC)
    wish = {"by": "ada", "priority": "normal", "job": job}
    wish |= {"parameters": parameters} if parameters else {}
    return command.start("acme", secrets.token_hex(8), now, **wish)


def stop(known: Activity) -> Activity:
    """Return a stop that carries the state of `known`."""
    return command.stop(known.object, datetime.now(UTC), by="bob", uuid=secrets.token_hex(16))


def by_another(build: Activity, type_: Type = "Accept", **facts: Any) -> Activity:
    """Return an activity of `build` by another worker, of attempt 1 unless `facts` has one."""
    facts = {"status": "running", "attempt": 1, "seq": 0, **facts}
    state = replace(build.object, **facts)
    return Activity.about(state, type_, worker_actor("another"), datetime.now(UTC))


class Watcher:
    """Sees every activity and presence, and sends commands as MQTT clients may.

    With a `durable_id` also what is published while the broker is restarted. QoS 1 may deliver a
    message again after a broken connection (MQTT 5 §4.3.2): the same bytes are seen once.
    """

    def __init__(self, url: str, durable_id: str | None = None) -> None:
        self.activities: list[Activity] = []
        self.presences: dict[str, Presence] = {}
        self.on_presence: Callable[[Presence], object] = lambda _: None
        self._seen: set[tuple[str, bytes]] = set()
        self.link = MqttLink(
            url,
            name="watcher",
            subscriptions=[("builds/#", 1), ("workers/+/status", 1)],
            on_message=self._see,
            durable_id=durable_id,
        )

    async def __aenter__(self) -> Self:
        self.link.start()
        await until(lambda: self.link.up)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.link.stop, 1)

    def _see(self, message: Message) -> None:
        self.link.ack(message)
        if message.topic.startswith("workers/"):
            if not message.payload:
                return  # a test has taken it back
            found = presence.decode(message.topic, message.payload)
            self.presences[found.worker] = found
            self.on_presence(found)
            return
        if (message.topic, message.payload) in self._seen:
            return
        self._seen.add((message.topic, message.payload))
        try:
            self.activities.append(decode(message.topic, message.payload))
        except (InvalidTopic, InvalidActivity):
            return  # a test has sent it

    async def send(self, activity: Activity) -> None:
        await self.send_payload(str(activity.topic), encode(activity))

    async def send_payload(self, topic: str, payload: bytes) -> None:
        await asyncio.wrap_future(self.link.publish(topic, payload, qos=1))

    async def send_presence(self, said: Presence | None, worker: str = "") -> None:
        """Publish a presence; None: remove the retained one of `worker`."""
        topic = said.topic if said else worker_status(worker)
        payload = presence.encode(said) if said else b""
        await asyncio.wrap_future(self.link.publish(topic, payload, qos=1, retain=True))

    def of(self, build: Activity, *kinds: str) -> list[Activity]:
        """Workers' activities of `build` by (attempt, seq): QoS 0 and 1 may overtake each other."""
        said = [
            seen
            for seen in self.activities
            if seen.object.id == build.object.id
            and seen.worker
            and (not kinds or seen.kind in kinds)
        ]
        return sorted(said, key=lambda seen: (seen.object.attempt, seen.object.seq))

    def begun(self, worker: str) -> list[str]:
        """The builds that a worker has begun, in order."""
        return [
            seen.object.build
            for seen in self.activities
            if seen.type == "Accept" and seen.worker == worker
        ]

    def running(self, build: Activity, attempt: int = 1) -> bool:
        return any(
            seen.type == "Accept" and seen.object.attempt == attempt for seen in self.of(build)
        )

    def endings(self, build: Activity) -> list[Activity]:
        return [seen for seen in self.of(build) if seen.object.ended]

    def busy(self, worker: str) -> bool:
        """Whether the worker says that it runs a build."""
        return worker in self.presences and bool(self.presences[worker].builds)

    def keeps(self, worker: str) -> bool:
        """Whether the worker says that it keeps the start of a build that another runs."""
        return worker in self.presences and bool(self.presences[worker].keeps)

    async def until_running(self, build: Activity, attempt: int = 1) -> None:
        await until(lambda: self.running(build, attempt))

    async def until_ended(self, build: Activity, seconds: float = 10) -> Activity:
        await until(lambda: self.endings(build), seconds)
        return self.endings(build)[0]


def most_at_a_time(watcher: Watcher) -> set[int]:
    """The largest numbers of builds that workers ran at a time."""
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for seen in watcher.activities:
        if seen.worker and seen.kind == "status":
            running[seen.worker] += -1 if seen.object.ended else 1
            most[seen.worker] = max(most[seen.worker], running[seen.worker])
    return set(most.values())


class RunningWorker:
    """A worker in this process."""

    def __init__(self, name: str, made: Worker, queue: AmqpQueue | EmbeddedQueue) -> None:
        self.name = name
        self.queue = queue
        self._made = made
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(made.run(self._stop))

    def waits_for_a_slot(self, build: Activity) -> bool:
        """Whether it holds the start of `build` and has no free slot for it."""
        return (build.object.project, build.object.build) in self._made._waiting

    def cut_amqp(self) -> None:
        """Close its AMQP connection, so that its starts go back to their queues."""
        self.queue._link.call(lambda channel: channel.connection.close())

    async def stop(self) -> None:
        self._stop.set()
        await self._task


@asynccontextmanager
async def worker(
    mqtt_url: str,
    make_queue: Callable[..., AmqpQueue | EmbeddedQueue],
    *,
    name: str | None = None,
    slots: int = 2,
    drain_seconds: float = 0,
    runner: Runner | None = None,
    **limits: Any,
) -> AsyncIterator[RunningWorker]:
    """Run a worker, of fake builds without a `runner`.

    `make_queue(name=…, slots=…)` gives it its starts.
    """
    name = name or f"w-{secrets.token_hex(4)}"
    queue = make_queue(name=name, slots=slots)
    settings = Settings(
        name=name,
        mqtt_url=mqtt_url,
        amqp_url=None,
        database_url=None,
        slots=slots,
        limits=Limits(**limits),
        drain_seconds=drain_seconds,
    )
    made = Worker(settings, queue, runner or FakeRunner())
    running = RunningWorker(name, made, queue)
    try:
        await until(lambda: made._link.up and queue._link.up)
        yield running
    finally:
        await running.stop()


class WorkerProcess:
    """A process `python -m MODULE` with BUILDFEED_… options."""

    def __init__(self, module: str = "fakebuild", **options: object) -> None:
        self.name = f"p-{secrets.token_hex(4)}"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BUILDFEED_")}
        for option, value in {"name": self.name, "log_level": "warning", **options}.items():
            environment[f"BUILDFEED_{option.upper()}"] = str(value)
        self._process = subprocess.Popen([sys.executable, "-m", module], env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def until_ended(self, seconds: float = 10) -> int:
        await until(lambda: self._process.poll() is not None, seconds)
        return self._process.returncode

"""The worker: starts come in, activities go out, in one event loop.

The links have threads of their own and cross over with `call_soon_threadsafe`, nowhere else.
"""

import asyncio
import logging
from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal

from broker.mqtt import Message, MqttLink, Will
from buildfeed import presence
from buildfeed.activity import Activity, decode
from buildfeed.board import Key
from buildfeed.errors import InvalidActivity, InvalidTopic
from buildfeed.presence import Presence, RunningBuild
from buildfeed.topics import STOPS, Topic
from fakebuild.attempts import Limits
from fakebuild.building import Building
from fakebuild.deliveries import Delivery, Queue
from fakebuild.heartbeat import Heartbeat
from fakebuild.publisher import Publisher
from fakebuild.recent import Recent

log = logging.getLogger(__name__)

_SETTLE_SECONDS: Final = 1.0
_MAX_SHOWN: Final = 300
"""Builds named in the presence: all that concurrency allows would not fit into a payload."""


class Worker:
    """Runs at most `slots` builds of `queue` at a time, as `name`."""

    def __init__(
        self,
        name: str,
        *,
        mqtt_url: str,
        queue: Queue,
        slots: int,
        limits: Limits,
        drain_seconds: float,
    ) -> None:
        self._name = name
        self._queue = queue
        self._slots = slots
        self._limits = limits
        self._drain_seconds = drain_seconds
        gone = Presence(name, "offline")
        self._link = MqttLink(
            mqtt_url,
            name=name,
            subscriptions=[(STOPS, 1)],
            on_message=self._heard_in_thread,
            on_up=self._up_in_thread,
            will=Will(gone.topic, presence.encode(gone), retain=True),
        )
        self._publisher = Publisher(self._link)
        self._heartbeat = Heartbeat(self._link, self._presence)
        self._builds: dict[Key, Building] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._stops: Recent[Activity] = Recent()
        self._ended: Recent[str] = Recent()
        self._settling: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then end what runs within the drain time."""
        self._loop = asyncio.get_running_loop()
        self._link.start()
        await self._queue.start(self._deliver)
        beat = asyncio.create_task(self._heartbeat.beat())
        log.info("worker.ready", extra={"worker": self._name, "slots": self._slots})
        await stop.wait()
        self._stopping = True
        self._queue.pause()
        await self._drain()
        beat.cancel()
        gone = self._presence(0, status="offline")
        self._link.publish(gone.topic, presence.encode(gone), qos=1, retain=True)
        await asyncio.to_thread(self._link.stop, 1)
        await self._queue.stop()
        log.info("worker.stopped", extra={"worker": self._name})

    def _deliver(self, delivery: Delivery) -> None:
        key = delivery.key
        known = self._builds.get(key)
        stop = self._stops.get(key)
        if self._stopping:
            self._settle(delivery, requeue=True)
        elif known and known.delivery.lost:
            known.adopt(delivery)
            self._heartbeat.changed()
        elif known or key in self._ended or (stop and stop.object.ended):
            self._settle(delivery)  # it came twice, or a stop has ended it before it began
        else:
            self._make_room()
            self._begin(delivery)
            if stop:
                self._builds[key].stop()

    def _make_room(self) -> None:
        """Drop a build whose delivery is lost when a start needs its slot: another has it now."""
        guests = [build for build in self._builds.values() if build.delivery.lost]
        if guests and len(self._builds) >= self._slots:
            self._drop(guests[-1])

    def _begin(self, delivery: Delivery) -> None:
        build = Building(delivery, self._name, self._limits, self._publisher.publish)
        self._builds[build.key] = build
        self._tasks[build.key] = asyncio.create_task(self._work(build))
        self._link.subscribe(_status_topic(build.key), 1)
        self._heartbeat.changed()

    async def _work(self, build: Building) -> None:
        log.info("build.started", extra=_fields(build))
        try:
            status = await build.work()
        except Exception:
            log.exception("build.crashed", extra=_fields(build))
            self._forget(build)  # before its start can come back
            await build.delivery.reject(requeue=not build.hopeless)
        else:
            if status:
                self._ended.put(build.key, status)
                log.info("build.ended", extra=_fields(build) | {"status": status})
            else:
                log.info("build.dropped", extra=_fields(build))
            self._forget(build)

    def _drop(self, build: Building) -> None:
        log.info("build.dropped", extra=_fields(build))
        self._tasks[build.key].cancel()
        self._settle(build.delivery)
        self._forget(build)

    def _forget(self, build: Building) -> None:
        if self._builds.get(build.key) is build:
            del self._builds[build.key], self._tasks[build.key]
            self._link.unsubscribe(_status_topic(build.key))
            self._heartbeat.changed()

    def _settle(self, delivery: Delivery, *, requeue: bool = False) -> None:
        work = delivery.reject(requeue=True) if requeue else delivery.ack()
        task = asyncio.create_task(work)
        self._settling.add(task)  # the loop keeps no reference of its own
        task.add_done_callback(self._settling.discard)

    def _heard_in_thread(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._heard, message)

    def _up_in_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._heartbeat.changed)

    def _heard(self, message: Message) -> None:
        try:
            activity = decode(message.topic, message.payload)
        except (InvalidTopic, InvalidActivity) as exc:
            log.debug("activity.refused", extra={"reason": str(exc)})
            return
        key = activity.object.project, activity.object.build
        build = self._builds.get(key)
        if activity.kind == "stop":
            self._stops.put(key, activity)
            if build:
                build.stop()
        elif build and activity.object.attempt > build.attempt and activity.worker != self._name:
            self._drop(build)

    def _presence(self, lag_ms: int, status: Literal["online", "offline"] = "online") -> Presence:
        return Presence(
            worker=self._name,
            status=status,
            builds=tuple(
                RunningBuild(*key, build.attempt)
                for key, build in islice(self._builds.items(), _MAX_SHOWN)
            ),
            slots=self._slots,
            lag_ms=lag_ms,
            published=self._publisher.published,
        )

    async def _drain(self) -> None:
        """Wait for the builds that run; hand back those that take too long."""
        await _wait(self._tasks.values(), self._drain_seconds)
        ending = [self._tasks[key] for key, build in self._builds.items() if build.ended]
        await _wait(ending, _SETTLE_SECONDS)
        unfinished = list(self._tasks.values())
        handed_back = [
            asyncio.create_task(build.delivery.reject(requeue=True))
            for build in self._builds.values()
        ]
        for task in unfinished:
            task.cancel()
        await _wait([*unfinished, *handed_back], _SETTLE_SECONDS)


async def _wait(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    if waiting := list(tasks):
        await asyncio.wait(waiting, timeout=seconds)


def _fields(build: Building) -> dict[str, object]:
    project, name = build.key
    return {"project": project, "build": name, "attempt": build.attempt}


def _status_topic(key: Key) -> str:
    return str(Topic(*key, "status"))

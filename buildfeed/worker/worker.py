"""The worker: starts come in, activities go out, in one event loop.

A start is in one place at a time. It comes as a delivery and is begun as a `Job` when a slot is
free; without one it waits; while its build may still run elsewhere it is kept (`handoff`). It is
settled when the build has ended, or handed back when the worker stops, so that the queue, which
gives each start to one worker only, decides who builds. Everything that may come at any time (a
start that comes twice, a stop before its start, a start whose build has ended already) finds its
answer in `_deliver` and `_heard_activity`, which look at these places first.

A worker also hears the statuses of the builds it holds: an ending or a later attempt of another
worker means that this one was cut off and its start given away, so it drops the build in silence.

The links have threads of their own, and cross over by `call_soon_threadsafe` alone.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Final, Literal

from buildfeed import presence
from buildfeed.activity import Activity, Key, decode
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.errors import InvalidActivity, InvalidTopic
from buildfeed.presence import Presence, RunningBuild
from buildfeed.recent import Recent
from buildfeed.topics import STOPS
from buildfeed.worker.handoff.delivery import HeldByPeer
from buildfeed.worker.handoff.peers import Peers, status_topic
from buildfeed.worker.hearing import Hearing
from buildfeed.worker.heartbeat import Heartbeat
from buildfeed.worker.job import Job
from buildfeed.worker.publisher import Publisher
from buildfeed.worker.queues.queue import Delivery, Queue
from buildfeed.worker.runner import Runner
from buildfeed.worker.settings import Settings

log = logging.getLogger(__name__)

_SETTLE_SECONDS: Final = 1.0
"""How long a worker that stops waits for its last answers to the queue."""

_LOOK_SECONDS: Final = 1.0
_MAX_SHOWN: Final = 300
"""Builds named in a presence: 1000 of them, as slots allow, would not fit into a payload."""


class Worker:
    """Runs the builds of `queue` by `runner`."""

    def __init__(self, settings: Settings, queue: Queue, runner: Runner) -> None:
        self._name = settings.name
        self._queue = queue
        self._runner = runner
        self._slots = settings.slots
        self._limits = settings.limits
        self._drain_seconds = settings.drain_seconds
        gone = Presence(self._name, "offline")
        self._link = MqttLink(
            settings.mqtt_url,
            name=self._name,
            subscriptions=[(STOPS, 1)],
            on_message=self._heard_in_thread,
            on_up=self._up_in_thread,
            will=Will(gone.topic, presence.encode(gone), retain=True),
        )
        self._publisher = Publisher(self._link)
        self._heartbeat = Heartbeat(self._link, self._presence, self._late)
        self._hearing = Hearing(self._link, self._say_to_itself)
        self._builds: dict[Key, Job] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._waiting: dict[Key, Delivery] = {}
        self._peers = Peers(
            self._name,
            self._link,
            self._heartbeat,
            self._builds,
            begin=self._start,
            tell_ending=self._tell_ending,
            changed=self._changed,
        )
        self._kept_starts = self._peers.kept_starts
        self._stops: Recent[Activity] = Recent()
        self._ended: Recent[Activity] = Recent()
        self._settling: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._allowed = settings.slots
        self._overloaded = False
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the builds that run have the drain time to end."""
        self._loop = asyncio.get_running_loop()
        self._link.start()
        await self._queue.start(self._deliver)
        chores = [
            asyncio.create_task(chore)
            for chore in (self._heartbeat.beat(), self._hearing.beat(), self._look())
        ]
        log.info("worker.ready", extra={"worker": self._name, "slots": self._slots})
        await stop.wait()
        self._stopping = True
        self._allow()
        await self._drain()
        for chore in chores:
            chore.cancel()
        gone = self._presence(0, status="offline")
        self._link.publish(gone.topic, presence.encode(gone), qos=1, retain=True)
        await asyncio.to_thread(self._link.stop, 1)
        await self._queue.stop()
        log.info("worker.stopped", extra={"worker": self._name})

    def _deliver(self, delivery: Delivery) -> None:
        key = delivery.key
        build = self._builds.get(key)
        held = self._waiting.get(key) or self._kept_starts.get(key)
        stop = self._stops.get(key)
        if self._stopping:
            self._settle(delivery, requeue=True)
        elif build and (build.delivery.lost or isinstance(build.delivery, HeldByPeer)):
            build.adopt(delivery)
            self._changed()
        elif (
            build or (held and not held.lost) or key in self._ended or (stop and stop.object.ended)
        ):
            self._settle(delivery)  # it came twice, or a stop has ended it before it began
        elif delivery.doubtful:
            self._peers.keep(delivery)
        else:
            self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        """Begin the build if a slot is free; one that was asked to stop needs no slot."""
        key = delivery.key
        self._kept_starts.release(key)
        self._waiting.pop(key, None)
        if delivery.lost:
            self._peers.release(key)
        elif self._stopping:
            self._settle(delivery, requeue=True)
        elif key in self._stops or len(self._builds) < self._slots:
            self._begin(delivery)
            if key in self._stops:
                self._builds[key].stop()
        else:
            self._waiting[key] = delivery
            self._link.subscribe(status_topic(key), 1)  # it may end before its turn

    def _begin(self, delivery: Delivery) -> None:
        build = Job(
            delivery,
            self._name,
            self._limits,
            self._publisher.publish,
            self._hearing,
            runner=self._runner,
        )
        self._builds[build.key] = build
        self._tasks[build.key] = asyncio.create_task(self._work(build))
        self._link.subscribe(status_topic(build.key), 1)
        self._changed()

    async def _work(self, build: Job) -> None:
        try:
            ending = await build.work()
        except Exception:
            log.exception("build.crashed", extra=_fields(build))
            self._forget(build)  # before its start can come back
            await build.delivery.reject(requeue=not build.hopeless)
        else:
            if ending:
                self._ended.put(build.key, ending)
                log.info("build.ended", extra=_fields(build) | {"status": ending.object.status})
            else:
                log.info("build.dropped", extra=_fields(build))
            self._forget(build)

    def _drop(self, build: Job) -> None:
        log.info("build.dropped", extra=_fields(build))
        self._tasks[build.key].cancel()
        self._settle(build.delivery)
        self._forget(build)

    def _forget(self, build: Job) -> None:
        if self._builds.get(build.key) is build:
            del self._builds[build.key], self._tasks[build.key]
            self._link.unsubscribe(status_topic(build.key))
            self._changed()
            for waiting in list(self._waiting.values()):
                self._start(waiting)

    def _settle(self, delivery: Delivery, *, requeue: bool = False) -> None:
        work = delivery.reject(requeue=True) if requeue else delivery.ack()
        task = asyncio.create_task(work)
        self._settling.add(task)  # the loop keeps no reference of its own
        task.add_done_callback(self._settling.discard)

    def _heard_in_thread(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._heard, message)

    def _up_in_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._peers.returned)

    def _heard(self, message: Message) -> None:
        try:
            if message.topic.startswith("workers/"):
                said = presence.decode(message.topic, message.payload)
                if said.worker == self._name and not message.retain:
                    self._hearing.heard(said.said)
                self._peers.hear(said, message.connection)
            else:
                self._heard_activity(decode(message.topic, message.payload))
        except (InvalidTopic, InvalidActivity) as exc:
            log.debug("message.refused", extra={"reason": str(exc)})

    def _heard_activity(self, activity: Activity) -> None:
        key = activity.object.key
        build = self._builds.get(key)
        held = self._waiting.get(key) or self._kept_starts.get(key)
        if activity.kind == "stop":
            self._stops.put(key, activity)
            if build:
                build.stop()
            elif waiting := self._waiting.get(key):
                self._start(waiting)
        elif build and self._is_superseded(build, activity):
            self._drop(build)
        elif held and activity.object.ended:
            self._settle(held)
            self._waiting.pop(key, None)
            self._peers.release(key)

    def _is_superseded(self, build: Job, activity: Activity) -> bool:
        """Tell whether another worker has begun the build anew, or it has ended without us."""
        attempt = activity.object.attempt
        if activity.worker == self._name:  # also of a process before this one
            return activity.object.ended and attempt < build.attempt
        return not build.ended and (activity.object.ended or attempt > build.attempt)

    def _say_to_itself(self) -> int:
        """Publish a presence that comes back to this worker; return its number."""
        self._peers.listen_a_while()
        self._heartbeat.say()
        return self._heartbeat.said

    def _tell_ending(self, key: Key) -> None:
        if ending := self._ended.get(key):
            self._publisher.publish(ending)

    async def _look(self) -> None:
        """Notice once a second what no message tells: silence, a lost connection, lag."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._hearing.behind:  # a peer that seems silent may have spoken meanwhile
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._hearing.catch_up()
            self._peers.look()
            self._allow()

    def _late(self, seconds: float) -> None:
        overloaded = seconds > self._limits.max_lag
        if overloaded is not self._overloaded:
            self._overloaded = overloaded
            event = "worker.overloaded" if overloaded else "worker.recovered"
            log.warning(event, extra={"worker": self._name, "lag_ms": round(seconds * 1000)})
            self._allow()

    def _changed(self) -> None:
        self._freed.set()
        self._heartbeat.changed()
        self._allow()

    def _allow(self) -> None:
        """Tell the queue how many unsettled starts this worker may have.

        One for each slot. A build whose start a peer keeps takes its slot too, unless a start that
        is kept here makes up for it; but not while one of our starts is missing, or for a moment
        after the queue was away: then this worker has to take starts until each is found.
        """
        allowed = self._slots
        if self._stopping or self._overloaded:
            allowed = 0
        elif not (self._peers.start_missing or self._queue.returning):
            allowed -= self._peers.surplus
        if allowed != self._allowed:
            self._allowed = allowed
            self._queue.allow(allowed)

    def _presence(self, lag_ms: int, status: Literal["online", "offline"] = "online") -> Presence:
        return Presence(
            worker=self._name,
            status=status,
            builds=tuple(
                RunningBuild(*key, build.attempt)
                for key, build in islice(self._builds.items(), _MAX_SHOWN)
            ),
            keeps=tuple(
                RunningBuild(*delivery.key, delivery.attempt)
                for delivery in islice(self._peers.kept_starts, _MAX_SHOWN)
            ),
            slots=self._slots,
            lag_ms=lag_ms,
            published=self._publisher.published,
        )

    async def _drain(self) -> None:
        """Wait for the builds that run; hand back the starts of those that take too long."""
        for delivery in self._waiting.values():
            self._settle(delivery, requeue=True)
        self._waiting.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                while self._builds or self._kept_starts:
                    self._freed.clear()
                    await self._freed.wait()
        ending = [self._tasks[key] for key, build in self._builds.items() if build.ended]
        await _wait(ending, _SETTLE_SECONDS)
        unfinished = list(self._tasks.values())
        held = [*self._kept_starts, *(build.delivery for build in self._builds.values())]
        handed_back = [asyncio.create_task(each.reject(requeue=True)) for each in held]
        for task in unfinished:
            task.cancel()
        await _wait([*unfinished, *handed_back], _SETTLE_SECONDS)


async def _wait(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    if waiting := list(tasks):
        await asyncio.wait(waiting, timeout=seconds)


def _fields(build: Job) -> dict[str, object]:
    project, name = build.key
    return {"project": project, "build": name, "attempt": build.attempt}

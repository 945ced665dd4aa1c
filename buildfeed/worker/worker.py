"""The worker: starts come in, activities go out, in one event loop.

A start is in one place at a time. It comes as a delivery and is begun as a job when a slot is free
(`jobs`); without one it waits here; while its build may still run elsewhere it is kept (`handoff`).
It is settled when the build has ended, or handed back when the worker stops. So the queue, which
gives each start to one worker only, decides which worker builds.

Three things may come at any time: a start for the second time, a stop before its start, a start
whose build has ended already. `_deliver` and `_heard_activity` look at all places first, and so
have an answer to each.

A worker also hears the statuses of the builds it holds. An ending or a later attempt of another
worker means that this one was cut off and its start given away, so it drops the build in silence.

Before it takes a start the worker finds out that its name is its own (`unique_name`). Two with one
name would take each other's builds for their own.

Relied on: the queue hands an unsettled start to one worker at a time. The links have threads of
their own, and reach the event loop by `call_soon_threadsafe` alone.
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from itertools import islice
from typing import Final, Literal

from buildfeed import presence
from buildfeed.activity import Activity, Key, decode
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.errors import InvalidActivity, InvalidTopic
from buildfeed.keep_running import keep_running
from buildfeed.presence import Presence, RunningBuild
from buildfeed.recent import Recent
from buildfeed.topics import STOPS, build_status, worker_hello, worker_status
from buildfeed.worker.allowance import Allowance
from buildfeed.worker.handoff.delivery import HeldByPeer
from buildfeed.worker.handoff.peers import Peers
from buildfeed.worker.hearing import Hearing
from buildfeed.worker.heartbeat import Heartbeat
from buildfeed.worker.job import Job, JobContext
from buildfeed.worker.jobs import Jobs, wait
from buildfeed.worker.own_name import OwnName
from buildfeed.worker.publisher import Publisher
from buildfeed.worker.queues.queue import Delivery, Queue
from buildfeed.worker.runner import Runner
from buildfeed.worker.settings import Settings

log = logging.getLogger(__name__)

_SETTLE_SECONDS: Final = 1.0
"""Seconds that a worker that stops waits for its last answers to the queue."""

_LOOK_SECONDS: Final = 1.0
"""Seconds between two looks for changes that no message tells of."""

_MAX_SHOWN: Final = 300
"""Builds named in a presence: 1000 of them, as slots allow, would not fit into a payload."""


class Worker:
    """Runs the builds of `queue` by `runner`."""

    def __init__(self, settings: Settings, queue: Queue, runner: Runner) -> None:
        self._name = settings.name
        self._queue = queue
        self._slots = settings.slots
        self._runner = runner
        self._drain_seconds = settings.drain_seconds
        self._stop = asyncio.Event()
        instance = secrets.token_hex(8)
        gone = Presence(self._name, "offline", instance=instance)
        self._link = MqttLink(
            settings.mqtt_url,
            name=self._name,
            subscriptions=[
                (STOPS, 1),
                (worker_status(self._name), 1),
                (worker_hello(self._name), 1),
            ],
            on_message=self._heard_in_thread,
            on_up=self._up_in_thread,
            will=Will(gone.topic, presence.encode(gone), retain=True),
        )
        self._publisher = Publisher(self._link)
        self._heartbeat = Heartbeat(self._link, self._presence, self._late)
        self._hearing = Hearing(self._link, self._say_to_itself)
        self._own_name = OwnName(
            self._name, instance, self._link, tell=self._heartbeat.changed, taken=self._end
        )
        context = JobContext(
            self._name, settings.limits, runner, self._publisher.publish, self._hearing
        )
        self._jobs = Jobs(context, self._link, changed=self._changed, freed=self._start_waiting)
        self._waiting: dict[Key, Delivery] = {}
        self._peers = Peers(
            self._name,
            self._link,
            self._heartbeat,
            self._jobs,
            begin=self._start,
            tell_ending=self._tell_ending,
            changed=self._changed,
        )
        self._kept_starts = self._peers.kept_starts
        self._allowance = Allowance(settings, queue, self._peers)
        self._stops: Recent[Activity] = Recent()
        self._settling: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the builds that run have the drain time to end.

        Raises NameTaken when another worker has the name.
        """
        self._loop = asyncio.get_running_loop()
        self._stop = stop
        self._link.start()
        if not await self._own_name.ask(stop):
            await asyncio.to_thread(self._link.stop, 1)
            self._own_name.check()
            return
        await self._queue.start(self._deliver)
        chores = [
            asyncio.create_task(keep_running(chore, log, "worker.part_failed"))
            for chore in (self._heartbeat.beat, self._hearing.beat, self._look)
        ]
        log.info("worker.ready", extra={"worker": self._name, "slots": self._slots})
        await stop.wait()
        self._stopping = True
        self._allowance.close()
        await self._drain()
        for chore in chores:
            chore.cancel()
        self._own_name.close()
        if not self._own_name.lost:
            gone = self._presence(0, status="offline")
            self._link.publish(gone.topic, presence.encode(gone), qos=1, retain=True)
        await asyncio.to_thread(self._link.stop, 1)
        await self._queue.stop()
        self._own_name.check()
        log.info("worker.stopped", extra={"worker": self._name})

    def _end(self) -> None:
        self._stop.set()

    def _deliver(self, delivery: Delivery) -> None:
        key = delivery.key
        job = self._jobs.get(key)
        held = self._held(key)
        stop = self._stops.get(key)
        ended = key in self._jobs.endings or (stop and stop.object.ended)
        if self._stopping:
            self._settle(delivery, requeue=True)
        elif job and (job.delivery.lost or isinstance(job.delivery, HeldByPeer)):
            job.adopt(delivery)
            self._changed()
        elif job or (held and not held.lost) or ended:
            self._settle(delivery)  # it came twice, or a stop has ended it before it began
        elif delivery.doubtful:
            self._peers.keep(delivery)
        else:
            self._start(delivery)

    def _held(self, key: Key) -> Delivery | None:
        """Return the start of a build that does not run here, if it waits or is kept here."""
        return self._waiting.get(key) or self._kept_starts.get(key)

    def _start(self, delivery: Delivery) -> None:
        """Begin the build if a slot is free; one that was asked to stop needs no slot."""
        key = delivery.key
        self._kept_starts.release(key)
        self._waiting.pop(key, None)
        if delivery.lost:
            self._peers.release(key)
        elif self._stopping:
            self._settle(delivery, requeue=True)
        elif key in self._stops or len(self._jobs) < self._slots:
            job = self._jobs.begin(delivery)
            if key in self._stops:
                job.stop()
        else:
            self._waiting[key] = delivery
            self._link.subscribe(build_status(*key), 1)  # it may end before its turn

    def _start_waiting(self) -> None:
        for delivery in list(self._waiting.values()):
            self._start(delivery)

    def _settle(self, delivery: Delivery, *, requeue: bool = False) -> None:
        work = delivery.reject(requeue=True) if requeue else delivery.ack()
        task = asyncio.create_task(work)
        self._settling.add(task)  # the loop keeps no reference of its own
        task.add_done_callback(self._settling.discard)

    def _heard_in_thread(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._heard, message)

    def _up_in_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._up)

    def _up(self) -> None:
        self._peers.returned()
        self._own_name.connected()

    def _heard(self, message: Message) -> None:
        try:
            if message.topic == worker_hello(self._name):
                self._own_name.hear_hello(message.payload)
            elif message.topic.startswith("workers/"):
                said = presence.decode(message.topic, message.payload)
                if said.worker == self._name:
                    self._own_name.hear(said, retained=message.retain)
                    if said.instance == self._own_name.instance and not message.retain:
                        self._hearing.heard(said.said)
                self._peers.hear(said, message.connection)
            else:
                self._heard_activity(decode(message.topic, message.payload))
        except (InvalidTopic, InvalidActivity) as exc:
            log.debug("message.refused", extra={"reason": str(exc)})

    def _heard_activity(self, activity: Activity) -> None:
        key = activity.object.key
        job = self._jobs.get(key)
        held = self._held(key)
        if activity.kind == "stop":
            self._stops.put(key, activity)
            if job and _ended_elsewhere(activity) and not job.ended:
                self._drop(job)
            elif job:
                job.stop()
            elif waiting := self._waiting.get(key):
                self._start(waiting)
        elif job and self._is_superseded(job, activity):
            self._drop(job)
        elif held and activity.object.ended:
            self._settle(held)
            self._waiting.pop(key, None)
            self._peers.release(key)

    def _drop(self, job: Job) -> None:
        self._settle(job.delivery)
        self._jobs.drop(job)

    def _is_superseded(self, job: Job, activity: Activity) -> bool:
        """Tell whether another worker has begun the build anew, or has ended it."""
        attempt = activity.object.attempt
        if activity.worker == self._name:  # also of a process before this one
            return activity.object.ended and attempt < job.attempt
        return not job.ended and (activity.object.ended or attempt > job.attempt)

    def _say_to_itself(self) -> int:
        """Publish a presence that comes back to this worker; return its number."""
        self._heartbeat.say()
        return self._heartbeat.said

    def _tell_ending(self, key: Key) -> None:
        if ending := self._jobs.endings.get(key):
            self._publisher.publish(ending)

    async def _look(self) -> None:
        """Look once a second for silence, a lost connection and lag, of which no message tells."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._hearing.behind:  # a peer that seems silent may have spoken meanwhile
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._hearing.catch_up()
            self._peers.look()
            self._allowance.update()

    def _late(self, seconds: float) -> None:
        self._allowance.late(seconds)

    def _changed(self) -> None:
        self._freed.set()
        self._heartbeat.changed()
        self._allowance.update()

    def _presence(self, lag_ms: int, status: Literal["online", "offline"] = "online") -> Presence:
        return Presence(
            worker=self._name,
            status=status,
            builds=tuple(
                RunningBuild(*key, job.attempt)
                for key, job in islice(self._jobs.items(), _MAX_SHOWN)
            ),
            keeps=tuple(
                RunningBuild(*delivery.key, delivery.attempt)
                for delivery in islice(self._kept_starts, _MAX_SHOWN)
            ),
            slots=self._slots,
            lag_ms=lag_ms,
            published=self._publisher.published,
            instance=self._own_name.instance,
            jobs=self._runner.jobs,
        )

    async def _drain(self) -> None:
        """Wait for the builds that run; hand back the starts of those that take too long."""
        for delivery in self._waiting.values():
            self._settle(delivery, requeue=True)
        self._waiting.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                while self._jobs or self._kept_starts:
                    self._freed.clear()
                    await self._freed.wait()
        await self._jobs.settle(_SETTLE_SECONDS)
        held = [*self._kept_starts, *(job.delivery for job in self._jobs.values())]
        # First nothing of them runs here any more: another worker begins them at once.
        await wait(self._jobs.cancel(), self._runner.stop_seconds + _SETTLE_SECONDS)
        handed_back = [asyncio.create_task(each.reject(requeue=True)) for each in held]
        await wait(handed_back, _SETTLE_SECONDS)


def _ended_elsewhere(stop: Activity) -> bool:
    """Tell whether a gateway says that the build had ended in an attempt before its start came."""
    return stop.object.ended and stop.object.attempt > 0

"""The queue of the embedded mode: starts come over MQTT, and the history knows all of them.

It is for one worker, without AMQP. A start that was missed is in the history: an unfinished build
with a start. So is the start of a worker that died, and this worker takes it over. A build without
a start belongs to a program that reports builds of its own, and is never handed out. A build that
another worker runs is handed out only when that worker is offline or was silent for too long. A
delayed start waits here until its time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from msgspec import UnsetType

from buildfeed import presence
from buildfeed.activity import Activity, Build, Key, decode
from buildfeed.awake_clock import AwakeClock
from buildfeed.board import BuildState
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import BuildfeedError, InvalidActivity, InvalidTopic
from buildfeed.keep_running import keep_running
from buildfeed.presence import Presence
from buildfeed.recent import Recent
from buildfeed.topics import ALL_WORKERS, PROGRESS, STARTS, STATUSES
from buildfeed.worker.queues.elsewhere import Elsewhere
from buildfeed.worker.queues.past import Past
from buildfeed.worker.queues.queue import Delivery

log = logging.getLogger(__name__)

_READ_SECONDS: Final = 2.0
"""Seconds between two reads of the history."""

_CLOCKS_DIFFER: Final = 0.01
"""Seconds by which the clock of the event loop and the wall clock may differ."""


class EmbeddedQueue:
    """Hands out the starts that it knows, oldest first. Everything belongs to the event loop.

    `offered` reads from the history the start and the state of each unfinished build that has a
    start, oldest first. It may block, and raise BuildfeedError when the history cannot be read now.
    `past` is asked for the newest state of a build before it begins.
    """

    returning = False

    def __init__(
        self,
        mqtt_url: str,
        offered: Callable[[], Sequence[tuple[Activity, BuildState]]],
        past: Past,
        *,
        name: str,
        slots: int,
    ) -> None:
        self._link = MqttLink(
            mqtt_url,
            name=f"{name}-starts",
            subscriptions=[(STARTS, 1), (STATUSES, 1)],
            on_message=self._heard_in_thread,
            on_up=self._up_in_thread,
        )
        self._offered = offered
        self._past = past
        self._name = name
        self._slots = slots
        self._deliver: Callable[[Delivery], None] | None = None
        self._waiting: dict[Key, EmbeddedDelivery] = {}
        self._held: set[Key] = set()
        self._settled: Recent[None] = Recent()
        self._elsewhere = Elsewhere()
        self._listening = False
        self._unread = ""
        self._missed = asyncio.Event()
        self._clock = AwakeClock()
        """For the silence of other workers: what they say while this one is frozen waits."""
        self._chores: list[asyncio.Task[None]] = []

    async def start(self, deliver: Callable[[Delivery], None]) -> None:
        """Hand out the unfinished builds of the history, then the starts that come."""
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        await self._read()
        self._link.start()
        self._chores = [
            asyncio.create_task(keep_running(chore, log, "worker.part_failed"))
            for chore in (self._read_on, self._clock.run)
        ]

    def allow(self, starts: int) -> None:
        """Hand out at most `starts` at a time."""
        self._slots = starts
        self._fill()

    async def stop(self) -> None:
        """Stop listening and reading."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.to_thread(self._link.stop)

    def settle(self, delivery: "EmbeddedDelivery", *, again: bool) -> None:
        """Free the slot of `delivery`; `again`: the start waits for its next attempt."""
        self._held.discard(delivery.key)
        if again:
            attempt = delivery.attempt + 1
            self._waiting[delivery.key] = EmbeddedDelivery(self, delivery.start, attempt)
        else:
            self._settled.put(delivery.key, None)
        self._fill()

    async def still_wanted(self, delivery: "EmbeddedDelivery") -> bool:
        """Ask the history; False when the build of `delivery` must not begin."""
        state = await self._past.state(delivery.key)
        if state is None:
            return True
        delivery.stopping |= state.stopping
        begun = state.newest.object.attempt >= delivery.attempt and self._is_elsewhere(state)
        return not (state.ended or begun)

    async def _read_on(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_READ_SECONDS):
                    await self._missed.wait()
            self._missed.clear()
            if len(self._held) < self._slots:
                await self._read()

    async def _read(self) -> None:
        try:
            offered = await asyncio.to_thread(self._offered)
        except BuildfeedError as exc:
            if str(exc) != self._unread:
                log.warning("history.unread", extra={"reason": str(exc)})
            self._unread = str(exc)
            return
        self._unread = ""
        self._elsewhere.update(
            {
                state.key: state.newest.worker
                for _, state in offered
                if self._is_elsewhere(state) and state.key not in self._held
            },
            self._clock.time(),
        )
        self._listen()
        abandoned = self._elsewhere.abandoned(self._clock.time()) if self._link.up else set()
        for start, state in offered:
            if state.key in abandoned:
                self._settled.drop(state.key)  # it was settled here when the other worker took it
            elif state.key in self._elsewhere.workers:
                continue
            attempt = state.newest.object.attempt + 1
            self._offer(EmbeddedDelivery(self, start.object, attempt, stopping=state.stopping))
        self._fill()

    def _is_elsewhere(self, state: BuildState) -> bool:
        """Tell whether another worker has begun the build.

        True also when the newest activity is a stop, which does not name the worker.
        """
        worker = state.newest.worker
        return worker != self._name and (worker is not None or state.newest.object.attempt > 0)

    def _listen(self) -> None:
        """Hear the other workers while they run builds that this one may have to take over."""
        needed = bool(self._elsewhere.workers)
        if needed is not self._listening:
            self._listening = needed
            for filter_ in (ALL_WORKERS, PROGRESS):
                if needed:
                    self._link.subscribe(filter_, 1)
                else:
                    self._link.unsubscribe(filter_)

    def _up_in_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._up)

    def _up(self) -> None:
        self._elsewhere.restart(self._clock.time())
        self._missed.set()  # starts may have come while it was down

    def _heard_in_thread(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._heard, message)

    def _heard(self, message: Message) -> None:
        try:
            if message.topic.startswith("workers/"):
                self._heard_worker(presence.decode(message.topic, message.payload))
            else:
                self._heard_activity(decode(message.topic, message.payload))
        except (InvalidTopic, InvalidActivity) as exc:
            if message.topic.endswith("/start"):
                log.warning("start.refused", extra={"reason": str(exc)})

    def _heard_worker(self, said: Presence) -> None:
        self._elsewhere.hear_worker(said, self._clock.time())
        if said.status == "offline":
            self._missed.set()  # its builds wait for this worker

    def _heard_activity(self, activity: Activity) -> None:
        build = activity.object
        key = build.key
        if activity.kind == "start":
            self._offer(EmbeddedDelivery(self, build, 1, live=True))
            self._fill()
            return
        self._elsewhere.hear(key, self._clock.time())
        waiting = self._waiting.get(key)
        if build.ended:
            self._settled.put(key, None)
            self._waiting.pop(key, None)
        elif waiting and build.attempt >= waiting.attempt and activity.worker != self._name:
            del self._waiting[key]

    def _offer(self, delivery: "EmbeddedDelivery") -> None:
        key = delivery.key
        if key not in self._held and key not in self._waiting and key not in self._settled:
            self._waiting[key] = delivery
            if delivery.early:
                self._loop.call_later(delivery.early + _CLOCKS_DIFFER, self._fill)

    def _fill(self) -> None:
        due = [key for key, delivery in self._waiting.items() if not delivery.early]
        for key in due:
            if not self._deliver or len(self._held) >= self._slots:
                return
            self._held.add(key)
            self._deliver(self._waiting.pop(key))


class EmbeddedDelivery:
    """A start that was handed to this worker alone."""

    lost = False
    doubtful = False

    def __init__(
        self,
        queue: EmbeddedQueue,
        start: Build,
        attempt: int,
        *,
        stopping: bool = False,
        live: bool = False,
    ) -> None:
        self.start = start
        self.attempt = attempt
        self.stopping = stopping
        self._queue = queue
        self._live = live
        self._seen = time.monotonic()

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.start.key

    @property
    def early(self) -> float:
        """For how many seconds it may not begin yet; a stop need not wait.

        The clock of the gateway that wrote the time may be ahead of ours, or behind. So a start
        waits no longer than it was asked to, from when it was first seen here; and as long as that
        if it came live.
        """
        start = self.start
        if (
            self.stopping
            or isinstance(start.not_before, UnsetType)
            or isinstance(start.queued_time, UnsetType)
        ):
            return 0.0
        seen = time.monotonic() - self._seen
        wait = (start.not_before - start.queued_time).total_seconds() - seen
        if not self._live:
            wait = min(wait, (start.not_before - datetime.now(UTC)).total_seconds())
        return max(0.0, wait)

    async def still_mine(self) -> bool:
        """Return True: no broker could give it to another worker."""
        return True

    async def still_wanted(self) -> bool:
        """Ask the history whether the build has ended, or another worker has begun it."""
        return await self._queue.still_wanted(self)

    async def ack(self) -> None:
        """Note that the build has ended."""
        self._queue.settle(self, again=False)

    async def reject(self, *, requeue: bool) -> None:
        """Let the start wait for its next attempt, or else forget it."""
        self._queue.settle(self, again=requeue)

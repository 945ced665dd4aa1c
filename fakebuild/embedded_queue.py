"""Starts of the embedded mode: commands come over MQTT, and the queue is the history.

For one worker process, without AMQP. A start that was missed, or whose worker died, is an
unfinished build of the history. A delayed start waits here until its time has come.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from msgspec import UnsetType

from broker.mqtt import Message, MqttLink
from buildfeed.activity import Build, decode
from buildfeed.board import BuildState, Key
from buildfeed.errors import BuildfeedError, InvalidActivity, InvalidTopic
from buildfeed.recent import Recent
from buildfeed.topics import STARTS
from fakebuild.deliveries import Delivery

log = logging.getLogger(__name__)

_READ_SECONDS: Final = 2.0
_CLOCKS_DIFFER: Final = 0.01  # the loop's and the wall's


class EmbeddedQueue:
    """Hands out starts, oldest first as far as known. Everything belongs to the event loop.

    `unfinished` reads from the history what has not ended, oldest first; it may block, and raise
    a BuildfeedError when the history cannot be read now.
    """

    returning = False

    def __init__(
        self,
        mqtt_url: str,
        unfinished: Callable[[], Sequence[BuildState]],
        *,
        name: str,
        slots: int,
    ) -> None:
        self._link = MqttLink(
            mqtt_url,
            name=f"{name}-starts",
            subscriptions=[(STARTS, 1)],
            on_message=self._heard_in_thread,
            on_up=self._up_in_thread,
        )
        self._unfinished = unfinished
        self._slots = slots
        self._deliver: Callable[[Delivery], None] | None = None
        self._waiting: dict[Key, EmbeddedDelivery] = {}
        self._held: set[Key] = set()
        self._settled: Recent[None] = Recent()
        self._missed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def start(self, deliver: Callable[[Delivery], None]) -> None:
        """Hand out the unfinished builds of the history, then what comes."""
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        await self._read()
        self._link.start()
        self._reader = asyncio.create_task(self._read_on())

    def allow(self, starts: int) -> None:
        """Hand out no more than `starts` at a time."""
        self._slots = starts
        self._fill()

    async def stop(self) -> None:
        """Stop listening and reading."""
        if self._reader:
            self._reader.cancel()
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
            unfinished = await asyncio.to_thread(self._unfinished)
        except BuildfeedError as exc:
            log.warning("history.unread", extra={"reason": str(exc)})
            return
        for state in unfinished:
            build = state.newest.object
            self._offer(
                EmbeddedDelivery(self, build, build.attempt + 1, stopping=state.stop is not None)
            )
        self._fill()

    def _up_in_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._missed.set)  # what came while it was down

    def _heard_in_thread(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._heard, message)

    def _heard(self, message: Message) -> None:
        try:
            activity = decode(message.topic, message.payload)
        except (InvalidTopic, InvalidActivity) as exc:
            log.warning("start.refused", extra={"reason": str(exc)})
            return
        if activity.kind == "start":
            self._offer(EmbeddedDelivery(self, activity.object, 1))
            self._fill()

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
    """A start that this worker alone knows of."""

    lost = False
    doubtful = False

    def __init__(
        self, queue: EmbeddedQueue, start: Build, attempt: int, *, stopping: bool = False
    ) -> None:
        self.start = start
        self.attempt = attempt
        self.stopping = stopping
        self._queue = queue

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.start.project, self.start.build

    @property
    def early(self) -> float:
        """For how many seconds it may not begin yet; a stop need not wait."""
        if self.stopping or isinstance(self.start.not_before, UnsetType):
            return 0.0
        return max(0.0, (self.start.not_before - datetime.now(UTC)).total_seconds())

    async def still_mine(self) -> bool:
        """Nobody could take it away."""
        return True

    async def ack(self) -> None:
        """Say that the build has ended."""
        self._queue.settle(self, again=False)

    async def reject(self, *, requeue: bool) -> None:
        """Let the start wait for its next attempt, or else forget it."""
        self._queue.settle(self, again=requeue)

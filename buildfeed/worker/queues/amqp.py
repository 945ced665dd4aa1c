"""The queue of a worker on RabbitMQ: starts come from two quorum queues over AMQP.

The number of unsettled starts is limited over both queues together. Quorum queues refuse the
`global` prefetch, which is that limit. So, while the worker may hold another start, `basic.get`
takes the starts that wait. When none waits, a consumer on each queue waits for one start.

Relied on: a start that was delivered can be settled only on its own channel, and a lost connection
puts it back into its queue; `x-delivery-count` counts the deliveries before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from buildfeed.activity import Build, Key, decode
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_HIGH
from buildfeed.errors import BrokerUnavailable, InvalidActivity, InvalidTopic
from buildfeed.worker.queues.past import Past
from buildfeed.worker.queues.queue import Delivery

log = logging.getLogger(__name__)

_NORMAL_EVERY: Final = 4
"""One start in this many is of normal priority while both queues are busy."""

_DOUBT_SECONDS: Final = 10.0
"""Seconds after a new connection in which a start may be of a worker that has yet to come back."""

Work = Callable[[BlockingChannel], None]


class AmqpQueue:
    """Hands out the starts of both queues; while both are busy, one in four is of `builds`.

    `past` knows which builds have ended while their starts waited. Without it the worker knows only
    the endings that it hears over MQTT.

    Private methods run in the thread of the link, the others in the event loop.
    """

    def __init__(self, url: str, past: Past | None = None, *, name: str, slots: int) -> None:
        self._link = AmqpLink(url, name=name, declares=False, on_up=self._up, on_down=self._down)
        self.past = past
        self._allowed = slots
        self._hand_out: Callable[[Delivery], object] = _nobody
        self._channel: BlockingChannel | None = None
        self._connected = 0
        self._connected_at = 0.0
        self._consumers: dict[str, str] = {}
        self._held = 0
        self._taken = 0

    async def start(self, deliver: Callable[[Delivery], None]) -> None:
        """Connect, and call `deliver` in the running event loop with every start."""
        loop = asyncio.get_running_loop()
        self._hand_out = lambda delivery: loop.call_soon_threadsafe(deliver, delivery)
        self._link.start()

    def allow(self, starts: int) -> None:
        """Limit the unsettled starts to `starts` from now on; those that are held stay."""
        self._allowed = starts
        self._link.call(self._fill)

    async def stop(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._link.stop)

    def is_current(self, channel: BlockingChannel) -> bool:
        """Tell whether `channel` is the open one."""
        return channel is self._channel

    @property
    def returning(self) -> bool:
        """True when the broker, or the way to it, was away a moment ago."""
        return self._connected > 1 and time.monotonic() - self._connected_at < _DOUBT_SECONDS

    async def ask(self, channel: BlockingChannel, work: Work) -> bool:
        """Do `work` on `channel`; False when it is gone, after waiting for the broker."""

        def on_the_same(current: BlockingChannel) -> bool:
            if current is not channel:
                return False
            work(channel)
            return True

        try:
            return await asyncio.wrap_future(self._link.call(on_the_same))
        except BrokerUnavailable:
            return False

    async def settle(self, channel: BlockingChannel, work: Work) -> None:
        """Do `work`, which settles a start of `channel`, and take the next one."""

        def settle_and_fill(channel: BlockingChannel) -> None:
            work(channel)
            self._held -= 1
            self._fill(channel)

        if self.is_current(channel):
            await self.ask(channel, settle_and_fill)

    def _up(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._connected += 1
        self._connected_at = time.monotonic()
        self._consumers = {}
        self._held = 0
        channel.basic_qos(prefetch_count=1)  # of each consumer: the one start it waits for
        self._fill(channel)

    def _down(self, _reason: str) -> None:
        self._channel = None

    @property
    def _free(self) -> int:
        return max(self._allowed - self._held, 0)

    def _fill(self, channel: BlockingChannel) -> None:
        """Take starts that wait, up to the limit; consume on each queue exactly while below it."""
        while self._free and self._get(channel):
            pass
        for queue in (BUILDS_HIGH, BUILDS):
            if self._free and queue not in self._consumers:
                self._consumers[queue] = channel.basic_consume(queue, self._consumed)
            elif not self._free and queue in self._consumers:
                # pika hands back, by basic.reject, a start that was sent before the cancel arrived
                channel.basic_cancel(self._consumers.pop(queue))

    def _get(self, channel: BlockingChannel) -> bool:
        queues = (BUILDS_HIGH, BUILDS)
        if self._taken % _NORMAL_EVERY == _NORMAL_EVERY - 1:
            queues = (BUILDS, BUILDS_HIGH)
        for queue in queues:
            method, properties, body = channel.basic_get(queue)
            if method and properties and body is not None:
                self._take(channel, method, properties, body)
                return True
        return False

    def _consumed(
        self,
        channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        self._take(channel, method, properties, body)
        spent = next(queue for queue, tag in self._consumers.items() if tag == method.consumer_tag)
        channel.basic_cancel(self._consumers.pop(spent))
        self._fill(channel)

    def _take(
        self,
        channel: BlockingChannel,
        method: Basic.Deliver | Basic.GetOk,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        tag = method.delivery_tag or 0
        try:
            start = _decode_start(method.routing_key or "", body)
        except (InvalidTopic, InvalidActivity) as exc:
            log.warning("start.refused", extra={"reason": str(exc)})
            channel.basic_reject(tag, requeue=False)  # to builds.dead
            return
        self._taken += 1
        self._held += 1
        attempt = _attempt(properties)
        doubtful = attempt > 1 and self.returning
        self._hand_out(AmqpDelivery(self, channel, tag, start, attempt, doubtful=doubtful))


def _nobody(_delivery: Delivery) -> None:
    """Stand in until the queue is started."""


def _decode_start(routing_key: str, body: bytes) -> Build:
    topic = routing_key.replace(".", "/")
    activity = decode(topic, body)
    if activity.kind != "start":
        raise InvalidActivity(topic, "it is not a start")
    return activity.object


def _attempt(properties: BasicProperties) -> int:
    """Return 1 + how often this start was delivered before; anybody can send odd headers."""
    before = (properties.headers or {}).get("x-delivery-count")
    return 1 + before if isinstance(before, int) and before > 0 else 1


class AmqpDelivery:
    """A start from RabbitMQ; it can be settled only on the channel it came on."""

    def __init__(
        self,
        queue: AmqpQueue,
        channel: BlockingChannel,
        tag: int,
        start: Build,
        attempt: int,
        *,
        doubtful: bool,
    ) -> None:
        self.start = start
        self.attempt = attempt
        self.doubtful = doubtful
        self.stopping = False  # stops come over MQTT
        self._queue = queue
        self._channel = channel
        self._tag = tag
        self._settled = False

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.start.key

    @property
    def lost(self) -> bool:
        """True when the connection it came on is gone."""
        return not self._queue.is_current(self._channel)

    async def still_mine(self) -> bool:
        """Make a round trip on the channel it came on."""
        return await self._queue.ask(
            self._channel, lambda channel: channel.basic_qos(prefetch_count=1)
        )

    async def still_wanted(self) -> bool:
        """Ask the history: the build may have ended, or been stopped, while its start waited."""
        state = await self._queue.past.state(self.key) if self._queue.past else None
        if state is None:
            return True
        self.stopping = state.stopping
        return not state.ended

    async def ack(self) -> None:
        """Acknowledge the start: its build has ended."""
        await self._settle(lambda channel: channel.basic_ack(self._tag))

    async def reject(self, *, requeue: bool) -> None:
        """Hand the start back, or else to `builds.dead`.

        Never `basic.nack`: newer RabbitMQ would not count it as a delivery.
        """
        await self._settle(lambda channel: channel.basic_reject(self._tag, requeue=requeue))

    async def _settle(self, work: Callable[[BlockingChannel], None]) -> None:
        # Only once: at the second time RabbitMQ would close the channel, and hand out all starts of
        # this worker anew.
        if not self._settled:
            self._settled = True
            await self._queue.settle(self._channel, work)
